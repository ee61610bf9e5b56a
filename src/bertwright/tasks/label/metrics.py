"""How good sets of labels are: scikit-learn's definitions.

What is undefined for want of any label, in truth and answers, counts as right: a row without labels that was
given none has F1 1, and a label that occurs in neither is left out of the macro average.
Axes: N examples, C labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.measures import Floats, Sums, Values, figures, ratio
from bertwright.statistics.rates import Counted

Sets = NDArray[np.bool_]
"""(N, C)"""
NAMES = ("f1_micro", "f1_macro", "f1_samples", "exact_match")


def label_metrics(truth: Sets, given: Sets) -> dict[str, float]:
    """The metrics of :data:`NAMES`."""
    return figures(label_measure(truth, given))


def label_measure(truth: Sets, given: Sets) -> Sums:
    """The same as functions of the examples."""
    right = (truth == given).all(axis=1)
    both = truth.sum(axis=1) + given.sum(axis=1)
    by_example = np.where(both > 0, 2 * (truth & given).sum(axis=1) / np.maximum(both, 1), 1.0)
    table = np.column_stack([truth & given, truth, given, by_example, right, np.ones(len(truth))])

    def finish(sums: Floats) -> Values:
        counted = Counted(*np.split(sums[:, :-3], 3, axis=1))
        none = (counted.true + counted.given).sum(axis=1) == 0
        return {
            "f1_micro": np.where(none, 1.0, counted.micro()["f1"]),
            "f1_macro": np.where(none, 1.0, counted.macro_f1()),
            "f1_samples": ratio(sums[:, -3], sums[:, -1]),
            "exact_match": ratio(sums[:, -2], sums[:, -1]),
        }

    return Sums(table.astype(np.float64), finish)
