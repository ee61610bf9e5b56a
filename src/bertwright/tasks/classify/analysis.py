"""Classes taken apart: which was taken for which, how sure the model was, and where it was most wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.calibration import brier_score, calibration
from bertwright.statistics.classes import Confusion
from bertwright.statistics.measures import Floats, Sums, Values, ratio
from bertwright.statistics.rates import Counted
from bertwright.tasks.analysis import Analysis, Answered, worst
from bertwright.tasks.classify.decoding import log_probabilities


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
        measure=class_measure(truth, given, loss, len(labels)),
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


def class_measure(truth: NDArray[np.int64], given: NDArray[np.int64], loss: Floats, num_labels: int) -> Sums:
    """The metrics of :func:`~bertwright.tasks.classify.metrics.classification_metrics`, and the loss.

    Of each example: C hits, C true classes, C given classes, loss, 1.
    """
    rows = np.arange(len(truth))
    table = np.zeros((len(truth), 3 * num_labels + 2))
    table[rows[truth == given], given[truth == given]] = 1.0
    table[rows, num_labels + truth] = 1.0
    table[rows, 2 * num_labels + given] = 1.0
    table[:, -2], table[:, -1] = loss, 1.0
    return Sums(table, lambda sums: _metrics(sums, num_labels))


def _metrics(sums: Floats, size: int) -> Values:
    """``sums`` (R, 3 C + 2)."""
    hits, true, given = (sums[:, start * size : (start + 1) * size] for start in range(3))  # (R, C) each
    loss, count = sums[:, -2], sums[:, -1]
    right, counted = hits.sum(axis=1), Counted(hits, true, given)
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
    return values | {"loss": ratio(loss, count)}


def _matthews(right: Floats, true: Floats, given: Floats, count: Floats) -> Floats:
    """R_K of Gorodkin (2004); 0 when all classes are the same on either side."""
    covariance = right * count - (true * given).sum(axis=1)
    squares = [count**2 - (part**2).sum(axis=1) for part in (true, given)]
    return ratio(covariance, np.sqrt(squares[0] * squares[1]))
