"""Choices taken apart: how sure the model was, and where it was most wrong.

The options of one example are not those of another, so there is no table of labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.calibration import calibration
from bertwright.statistics.measures import Floats, Together, means
from bertwright.tasks.analysis import Analysis, Answered, worst
from bertwright.tasks.choose.metrics import choice_measure


def analyse_choices(
    answered: Answered,
    logs: Sequence[Floats],
    truth: NDArray[np.int64],
    options: Sequence[Sequence[str]],
) -> Analysis:
    """Of one option for every example.

    Args:
        logs: logarithms of the probabilities of each example's options.
        truth: the place of the right option (N,).
        options: their texts.
    """
    given = np.array([int(row.argmax()) for row in logs])
    right = given == truth
    sure = np.exp([float(row.max()) for row in logs])
    loss = -np.array([float(row[place]) for row, place in zip(logs, truth.tolist(), strict=True)])
    counts = np.array([len(row) for row in logs])
    squares = np.array([float(np.exp(2 * row).sum()) for row in logs]) - 2 * np.exp(-loss) + 1
    brier = np.where(counts == 2, squares / 2.0, squares)  # as of two classes
    texts = [
        [row[place] for row, place in zip(options, places.tolist(), strict=True)] for places in (truth, given)
    ]
    return Analysis(
        measure=Together([choice_measure(right, counts), means({"loss": loss})]),
        score=right.astype(np.float64),
        score_name="accuracy",
        badness_name="loss",
        mistakes=worst(answered, ~right, loss, texts[0], texts[1], sure),
        wrong=int((~right).sum()),
        right=right,
        calibration=calibration(sure, right, float(brier.mean())),
    )
