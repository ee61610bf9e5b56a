"""How good classes are: scikit-learn's definitions, with an undefined value counted as 0.

Axes: N examples, R resamples, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.measures import Floats, Sums, Values, figures, ratio
from bertwright.statistics.rates import Counted

Classes = Sequence[int] | NDArray[np.int64]

NAMES = (
    "accuracy",
    "f1_macro",
    "f1_weighted",
    "matthews_correlation",
    "f1",
    "precision",
    "recall",
    "accuracy_and_f1",
)
"""The first four for any number of classes, the rest for two, where the second class is the positive one."""


def classification_metrics(references: Classes, predictions: Classes, num_labels: int) -> dict[str, float]:
    """The metrics of :data:`NAMES` that are defined for ``num_labels`` classes.

    Args:
        references: the true classes, from 0.
        predictions: the classes that the model gave.

    Macro and weighted F1 average over the classes that occur in either.
    """
    return figures(class_measure(np.asarray(references), np.asarray(predictions), num_labels))


def class_measure(truth: NDArray[np.int64], given: NDArray[np.int64], num_labels: int) -> Sums:
    """The same as functions of the examples (N,). Of each: C hits, C true classes, C given classes, 1."""
    rows = np.arange(len(truth))
    table = np.zeros((len(truth), 3 * num_labels + 1))
    table[rows[truth == given], given[truth == given]] = 1.0
    table[rows, num_labels + truth] = 1.0
    table[rows, 2 * num_labels + given] = 1.0
    table[:, -1] = 1.0
    return Sums(table, lambda sums: _metrics(sums, num_labels))


def _metrics(sums: Floats, size: int) -> Values:
    """``sums`` (R, 3 C + 1)."""
    hits, true, given = np.split(sums[:, :-1], 3, axis=1)  # (R, C) each
    right, count, counted = hits.sum(axis=1), sums[:, -1], Counted(hits, true, given)
    values = {
        "accuracy": ratio(right, count),
        "f1_macro": counted.macro_f1(),
        "f1_weighted": counted.weighted_f1(),
        "matthews_correlation": _matthews(right, true, given, count),
    }
    if size == 2:
        f1 = counted.f1
        values |= {"f1": f1[:, 1], "precision": ratio(hits, given)[:, 1], "recall": ratio(hits, true)[:, 1]}
        values["accuracy_and_f1"] = (values["accuracy"] + f1[:, 1]) / 2
    return values


def _matthews(right: Floats, true: Floats, given: Floats, count: Floats) -> Floats:
    """R_K of Gorodkin (2004); 0 when all classes are the same on either side."""
    covariance = right * count - (true * given).sum(axis=1)
    squares = [count**2 - (part**2).sum(axis=1) for part in (true, given)]
    return ratio(covariance, np.sqrt(squares[0] * squares[1]))
