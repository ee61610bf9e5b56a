"""Tags taken apart: entities type by type, which tag was taken for which, and the worst sentences.

Axes: N sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.calibration import Calibration, brier_score, calibration
from bertwright.statistics.classes import ClassScore, Confusion
from bertwright.statistics.measures import Floats, Sums, Together, ratio
from bertwright.tasks.analysis import Analysis, Answered, worst
from bertwright.tasks.tag.metrics import Tags, entity_measure, tag_measure, wrong_words


class WordScores(NamedTuple):
    """What the model gave for each of W words, whatever sentence it is in."""

    logs: Floats
    """(W, C): logarithms of the probabilities of the tags."""
    truth: NDArray[np.int64]
    """(W,)"""
    sentence: NDArray[np.int64]
    """(W,)"""


def analyse_tags(
    answered: Answered,
    truth: Tags,
    given: Tags,
    scores: WordScores,
    known: Sequence[str],
    types: Sequence[str] | None,
    *,
    strict: bool,
) -> Analysis:
    """Of one tag for every word.

    Args:
        truth, given: the tags of every sentence.
        known: the tags that the tagger knows.
        types: of the entities that the tags spell; None where they spell none.
        strict: whether the metrics by the letter of IOB2 are reported too.
    """
    labels = sorted({tag for tags in (*truth, *given) for tag in tags})
    number = {label: place for place, label in enumerate(labels)}
    flat = [np.array([number[tag] for tags in side for tag in tags]) for side in (truth, given)]
    confusion = Confusion.of(labels, *flat)
    wrong, lengths = wrong_words(truth, given).T
    if types is None:
        measure, table = tag_measure(truth, given, known), confusion.scores()
    else:
        measure = entity_measure(truth, given, types, strict=strict)
        table = type_scores(measure, types)
    shown = [
        _differences(example.words, *tags)
        for example, *tags in zip(answered.examples, truth, given, strict=True)
    ]
    return Analysis(
        measure=Together([measure, _loss_measure(scores, len(lengths))]),
        score=1.0 - ratio(wrong, lengths),
        score_name="accuracy",
        badness_name="wrong tags",
        mistakes=worst(answered, wrong > 0, wrong, [row[0] for row in shown], [row[1] for row in shown]),
        wrong=int((wrong > 0).sum()),
        right=wrong == 0,
        labels=table,
        confusion=confusion,
        calibration=_calibration(scores),
    )


def type_scores(measure: Sums, types: Sequence[str]) -> tuple[ClassScore, ...]:
    """Each of ``types``, of what :func:`~bertwright.tasks.tag.metrics.entity_measure` counted."""
    counts = measure.values[:, : 3 * len(types)].sum(axis=0).astype(int).reshape(3, len(types))
    return tuple(ClassScore.of(name, *column) for name, column in zip(types, counts.T.tolist(), strict=True))


def _loss_measure(scores: WordScores, sentences: int) -> Sums:
    """The mean loss of a word."""
    losses = -scores.logs[np.arange(len(scores.truth)), scores.truth]
    parts = [np.bincount(scores.sentence, weights, sentences) for weights in (losses, None)]
    table = np.stack(parts, axis=1).astype(np.float64)
    return Sums(table, lambda sums: {"loss": ratio(sums[:, 0], sums[:, 1])})


def _calibration(scores: WordScores) -> Calibration:
    """Of all words."""
    probabilities = np.exp(scores.logs)
    given = probabilities.argmax(axis=1)
    sure = probabilities[np.arange(len(given)), given]
    return calibration(sure, given == scores.truth, brier_score(probabilities, scores.truth))


def _differences(words: Sequence[str], truth: Sequence[str], given: Sequence[str]) -> tuple[str, str]:
    """The words with a wrong tag, with the true and with the given one: ``Rhine/B-LOC``."""
    places = [place for place, pair in enumerate(zip(truth, given, strict=True)) if pair[0] != pair[1]]
    sides = (" ".join(f"{words[place]}/{tags[place]}" for place in places) for tags in (truth, given))
    first, second = sides
    return first, second
