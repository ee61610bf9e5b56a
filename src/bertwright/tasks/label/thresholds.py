"""The probability from which a label is given, fitted to rows whose labels are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DEFAULT = 0.5


def fitted_thresholds(probabilities: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, ...]:
    """For each label the threshold with the highest F1 on these rows, the nearest to 0.5 of equal ones.

    Args:
        probabilities, truth: (N, C).

    A label that no row has keeps 0.5.
    """
    return tuple(
        _fitted(probabilities[:, label], truth[:, label]) if truth[:, label].any() else DEFAULT
        for label in range(truth.shape[1])
    )


def _fitted(probabilities: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    distinct = np.unique(probabilities)
    # halfway between two probabilities, so that neither stands on the threshold
    candidates = np.concatenate([[DEFAULT], (distinct[1:] + distinct[:-1]) / 2, [distinct[0] / 2]])
    # of the sorted probabilities, those from `first` on are given the label
    order = np.sort(probabilities)
    first = np.searchsorted(order, candidates, side="left")
    given = len(order) - first
    hits = truth.sum() - np.searchsorted(np.sort(probabilities[truth]), candidates, side="left")
    f1 = 2 * hits / (given + truth.sum())
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return float(candidates[best[np.abs(candidates[best] - DEFAULT).argmin()]])
