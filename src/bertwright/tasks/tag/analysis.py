"""Tags taken apart: entities type by type, which tag was taken for which, and the worst sentences.

Axes: N sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.calibration import Calibration, brier_score, calibration
from bertwright.statistics.classes import ClassScore, Confusion
from bertwright.statistics.measures import Floats, Sums, Together, Values, ratio
from bertwright.statistics.rates import Counted
from bertwright.tasks.analysis import Analysis, Answered, worst
from bertwright.tasks.tag.metrics import Tags
from bertwright.tasks.tag.schemes import Entity, entities, strict_entities


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
    types: Sequence[str] | None,
    *,
    strict: bool,
) -> Analysis:
    """Of one tag for every word.

    Args:
        truth, given: the tags of every sentence.
        types: of the entities that the tags spell; None where they spell none.
        strict: whether the metrics by the letter of IOB2 are reported too.
    """
    labels = sorted({tag for tags in (*truth, *given) for tag in tags})
    number = {label: place for place, label in enumerate(labels)}
    flat = [np.array([number[tag] for tags in side for tag in tags]) for side in (truth, given)]
    confusion = Confusion.of(labels, *flat)
    wrong = np.array([sum(map(str.__ne__, *pair)) for pair in zip(truth, given, strict=True)], np.float64)
    lengths = np.array([len(tags) for tags in truth], np.float64)
    if types is None:
        measure, table = tag_measure(_tag_table(truth, given, labels), wrong, lengths), confusion.scores()
    else:
        measure, table = entity_measure(truth, given, types, wrong, lengths, strict=strict)
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


def tag_measure(table: Floats, wrong: Floats, lengths: Floats) -> Sums:
    """Accuracy, and F1 averaged over the tags; ``table`` (N, 3 C): hits, true and given."""

    def finish(sums: Floats) -> Values:
        counted = Counted(*np.split(sums[:, :-2], 3, axis=1))
        return {
            "accuracy": ratio(sums[:, -1] - sums[:, -2], sums[:, -1]),
            "f1_macro": counted.macro_f1(),
            "f1_weighted": counted.weighted_f1(),
        }

    return Sums(np.column_stack([table, wrong, lengths]), finish)


def entity_measure(
    truth: Tags, given: Tags, types: Sequence[str], wrong: Floats, lengths: Floats, *, strict: bool
) -> tuple[Sums, tuple[ClassScore, ...]]:
    """The metrics of :func:`~bertwright.tasks.tag.metrics.entity_metrics`, and the table of the types."""
    lenient = _entity_table([list(map(entities, side)) for side in (truth, given)], types)
    by_letter = _entity_table([list(map(strict_entities, side)) for side in (truth, given)], types)
    size = lenient.shape[1]

    def finish(sums: Floats) -> Values:
        counted = Counted(*np.split(sums[:, :size], 3, axis=1))
        values = counted.micro() | {
            "f1_macro": counted.macro_f1(),
            "f1_weighted": counted.weighted_f1(),
            "accuracy": ratio(sums[:, -1] - sums[:, -2], sums[:, -1]),
        }
        if strict:
            letter = Counted(*np.split(sums[:, size:-2], 3, axis=1)).micro()
            values |= {f"{name}_strict": value for name, value in letter.items()}
        return values | {f"f1_{name}": counted.f1[:, place] for place, name in enumerate(types)}

    hits, true, found = np.split(lenient.sum(axis=0).astype(int), 3)
    scores = tuple(
        ClassScore.of(name, int(hits[place]), int(true[place]), int(found[place]))
        for place, name in enumerate(types)
    )
    return Sums(np.column_stack([lenient, by_letter, wrong, lengths]), finish), scores


def _loss_measure(scores: WordScores, sentences: int) -> Sums:
    """The mean loss of a word; words without pieces have none."""
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


def _entity_table(sides: Sequence[Sequence[Sequence[Entity]]], types: Sequence[str]) -> Floats:
    """(N, 3 T): entities of each type that are right, true, given in each sentence."""
    rows = []
    for expected, found in zip(*(map(set, side) for side in sides), strict=True):
        counts = [Counter(entity.type for entity in part) for part in (expected & found, expected, found)]
        rows.append([count[name] for count in counts for name in types])
    return np.array(rows, dtype=np.float64).reshape(len(rows), 3 * len(types))


def _tag_table(truth: Tags, given: Tags, labels: Sequence[str]) -> Floats:
    """(N, 3 C): words of each tag that are right, true, given in each sentence."""
    rows = []
    for expected, found in zip(truth, given, strict=True):
        hits = Counter(tag for tag, other in zip(expected, found, strict=True) if tag == other)
        rows.append([count[tag] for count in (hits, Counter(expected), Counter(found)) for tag in labels])
    return np.array(rows, dtype=np.float64)


def _differences(words: Sequence[str], truth: Sequence[str], given: Sequence[str]) -> tuple[str, str]:
    """The words with a wrong tag, with the true and with the given one: ``Rhine/B-LOC``."""
    places = [place for place, pair in enumerate(zip(truth, given, strict=True)) if pair[0] != pair[1]]
    sides = (" ".join(f"{words[place]}/{tags[place]}" for place in places) for tags in (truth, given))
    first, second = sides
    return first, second
