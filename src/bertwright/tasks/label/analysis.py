"""Sets of labels taken apart: label by label, how sure the model was, and the worst examples.

Axes: N examples, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.calibration import calibration
from bertwright.statistics.classes import ClassScore
from bertwright.statistics.measures import Floats, Together, means
from bertwright.tasks.analysis import Analysis, Answered, worst
from bertwright.tasks.label.metrics import Sets, label_measure


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
        measure=Together([label_measure(truth, given), means({"loss": losses})]),
        score=right.astype(np.float64),
        score_name="exact match",
        badness_name="loss",
        mistakes=worst(answered, ~right, losses, names[0], names[1]),
        wrong=int((~right).sum()),
        right=right,
        labels=tuple(
            ClassScore.of(label, hits[place], true[place], found[place]) for place, label in enumerate(labels)
        ),
        calibration=calibration(probabilities.ravel(), truth.ravel(), brier, of="labels", counted="true"),
    )


def _names(labels: Sequence[str], chosen: NDArray[np.bool_]) -> str:
    return ", ".join(labels[place] for place in np.flatnonzero(chosen).tolist()) or "(none)"
