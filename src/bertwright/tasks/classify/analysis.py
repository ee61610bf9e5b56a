"""Classes taken apart: which was taken for which, how sure the model was, and where it was most wrong."""

from __future__ import annotations

import numpy as np

from bertwright.statistics.calibration import brier_score, calibration
from bertwright.statistics.classes import Confusion
from bertwright.statistics.measures import Together, means
from bertwright.tasks.analysis import Analysis, Answered, worst
from bertwright.tasks.classify.decoding import log_probabilities
from bertwright.tasks.classify.metrics import class_measure


def analyse_classes(answered: Answered, labels: tuple[str, ...]) -> Analysis:
    """Of a task with one of ``labels`` for every example."""
    logs = log_probabilities(np.asarray(answered.outputs, dtype=np.float32))
    truth = np.array([row.target for row in answered.features], dtype=np.int64)
    given = np.asarray(logs.argmax(axis=1), dtype=np.int64)
    probabilities, right = np.exp(logs), given == truth
    rows = np.arange(len(truth))
    loss, sure = -logs[rows, truth], probabilities[rows, given]
    confusion = Confusion.of(labels, truth, given)
    truths, answers = ([labels[number] for number in numbers.tolist()] for numbers in (truth, given))
    return Analysis(
        measure=Together([class_measure(truth, given, len(labels)), means({"loss": loss})]),
        score=right.astype(np.float64),
        score_name="accuracy",
        badness_name="loss",
        mistakes=worst(answered, ~right, loss, truths, answers, sure),
        wrong=int((~right).sum()),
        right=right,
        labels=confusion.scores(),
        confusion=confusion,
        calibration=calibration(sure, right, brier_score(probabilities, truth)),
    )
