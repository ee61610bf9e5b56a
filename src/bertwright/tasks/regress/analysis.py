"""Numbers taken apart: how far off, and where most."""

from __future__ import annotations

import numpy as np

from bertwright.statistics.measures import Floats, Together, means
from bertwright.tasks.analysis import Analysis, Answered, worst
from bertwright.tasks.regress.metrics import number_measure


def analyse_numbers(answered: Answered, truth: Floats, given: Floats, raw: Floats) -> Analysis:
    """Of one number (N,) for every example. Every answer that is not exactly the truth is a mistake.

    Args:
        raw: the answers before they were moved into the range, of which the loss is.
    """
    error = np.abs(given - truth)
    names = [[f"{value:.6g}" for value in side.tolist()] for side in (truth, given)]
    return Analysis(
        measure=Together([number_measure(truth, given), means({"loss": (raw - truth) ** 2})]),
        score=error,
        score_name="absolute error",
        badness_name="absolute error",
        mistakes=worst(answered, error > 0, error, names[0], names[1]),
        wrong=int((error > 0).sum()),
        truth_and_answer=np.stack([truth, given], axis=1),
    )
