"""How near numbers are: SciPy's correlations, with an undefined one counted as 0, and the errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.correlations import LinearCorrelation, RankCorrelation
from bertwright.statistics.measures import AveragedWith, Floats, Measure, Together, figures, means

Numbers = Sequence[float] | NDArray[np.float64]

NAMES = ("pearson_and_spearman", "pearson", "spearman", "mean_squared_error", "mean_absolute_error")


def regression_metrics(references: Numbers, predictions: Numbers) -> dict[str, float]:
    """The metrics of :data:`NAMES`; ``pearson_and_spearman`` is the mean of the two.

    A correlation is undefined, and counted as 0, when either side is constant or there is one row only.
    """
    truth, given = np.asarray(references, np.float64), np.asarray(predictions, np.float64)
    values = figures(number_measure(truth, given))
    return {name: values[name] for name in NAMES}


def number_measure(truth: Floats, given: Floats) -> Measure:
    """The same as functions of the examples; both (N,)."""
    errors = {"mean_squared_error": (given - truth) ** 2, "mean_absolute_error": np.abs(given - truth)}
    parts: list[Measure] = [
        LinearCorrelation("pearson", given, truth),
        RankCorrelation("spearman", given, truth),
        means(errors),
    ]
    return AveragedWith(Together(parts), "pearson_and_spearman", ("pearson", "spearman"))
