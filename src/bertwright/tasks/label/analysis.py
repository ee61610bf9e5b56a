"""Sets of labels taken apart: label by label, how sure the model was, and the worst examples.

Axes: N examples, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.calibration import calibration
from bertwright.statistics.classes import ClassScore
from bertwright.statistics.measures import Floats, Sums, Values, ratio
from bertwright.statistics.rates import Counted
from bertwright.tasks.analysis import Analysis, Answered, worst

Sets = NDArray[np.bool_]
"""(N, C)"""


def analyse_labels(
    answered: Answered, labels: Sequence[str], logits: Floats, truth: Sets, given: Sets
) -> Analysis:
    """Of any number of labels for every example, each with a logit (N, C) of its own.

    Calibration is over all labels of all examples: how often a label of some probability is true.
    """
    from scipy.special import expit  # slow to import, and not needed to answer

    right = (truth == given).all(axis=1)
    losses = np.logaddexp(0.0, np.where(truth, -logits, logits)).mean(axis=1)
    probabilities = expit(logits)
    hits, true, found = (part.sum(axis=0).tolist() for part in (truth & given, truth, given))
    names = [[_names(labels, row) for row in side] for side in (truth, given)]
    brier = float(((probabilities - truth) ** 2).mean())
    return Analysis(
        measure=label_measure(truth, given, losses),
        score=right.astype(np.float64),
        score_name="exact match",
        badness_name="loss",
        mistakes=worst(answered, ~right, losses, names[0], names[1]),
        wrong=int((~right).sum()),
        right=right,
        labels=tuple(
            ClassScore.of(label, hits[place], true[place], found[place]) for place, label in enumerate(labels)
        ),
        calibration=calibration(probabilities.ravel(), truth.ravel(), brier),
    )


def label_measure(truth: Sets, given: Sets, losses: Floats) -> Sums:
    """F1 over all labels together, averaged over labels and over examples, exact matches, and the loss.

    As in ``tasks/label/metrics.py``, what is undefined for want of any label is 1.
    """
    right = (truth == given).all(axis=1)
    both = truth.sum(axis=1) + given.sum(axis=1)
    by_example = np.where(both > 0, 2 * (truth & given).sum(axis=1) / np.maximum(both, 1), 1.0)
    table = np.column_stack([truth & given, truth, given, by_example, right, losses, np.ones(len(truth))])

    def finish(sums: Floats) -> Values:
        counted = Counted(*np.split(sums[:, :-4], 3, axis=1))
        none = (counted.true + counted.given).sum(axis=1) == 0
        means = {
            name: ratio(sums[:, place], sums[:, -1])
            for name, place in (("f1_samples", -4), ("exact_match", -3), ("loss", -2))
        }
        return means | {
            "f1_micro": np.where(none, 1.0, counted.micro()["f1"]),
            "f1_macro": np.where(none, 1.0, counted.macro_f1()),
        }

    return Sums(table.astype(np.float64), finish)


def _names(labels: Sequence[str], chosen: NDArray[np.bool_]) -> str:
    return ", ".join(labels[place] for place in np.flatnonzero(chosen).tolist()) or "(none)"
