"""How near numbers are: SciPy's correlations, with an undefined one counted as 0, and the errors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = Sequence[float] | NDArray[np.float64]

NAMES = ("pearson_and_spearman", "pearson", "spearman", "mean_squared_error", "mean_absolute_error")


def regression_metrics(references: Numbers, predictions: Numbers) -> dict[str, float]:
    """The metrics of :data:`NAMES`; ``pearson_and_spearman`` is the mean of the two.

    A correlation is undefined, and counted as 0, when either side is constant or there is one row only.
    """
    from scipy import stats  # slow to import, and not needed to answer

    truth, given = np.asarray(references, np.float64), np.asarray(predictions, np.float64)
    pearson = spearman = 0.0
    if len(truth) > 1 and np.ptp(truth) > 0 and np.ptp(given) > 0:
        with warnings.catch_warnings():  # of numbers that are all but constant: said by the value itself
            warnings.simplefilter("ignore", stats.ConstantInputWarning)
            warnings.simplefilter("ignore", stats.NearConstantInputWarning)
            pearson = _defined(stats.pearsonr(truth, given).statistic)
            spearman = _defined(stats.spearmanr(truth, given).statistic)
    error = truth - given
    return {
        "pearson_and_spearman": (pearson + spearman) / 2,
        "pearson": pearson,
        "spearman": spearman,
        "mean_squared_error": float((error**2).mean()),
        "mean_absolute_error": float(np.abs(error).mean()),
    }


def _defined(value: float) -> float:
    return float(value) if np.isfinite(value) else 0.0
