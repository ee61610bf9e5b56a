"""Precision, recall and F1 of entities as ``seqeval`` counts them, and of single tags.

An entity counts when type, first and last word are right. An undefined rate is 0.
Axes: N sentences, T types of entities, C tags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from bertwright.statistics.measures import Floats, Sums, Values, figures, ratio
from bertwright.statistics.rates import Counted
from bertwright.tasks.tag.schemes import Entity, entities, strict_entities

Tags = Sequence[Sequence[str]]


def entity_metrics(
    references: Tags, predictions: Tags, types: Sequence[str], *, strict: bool
) -> dict[str, float]:
    """What is reported of a tagger of entities.

    Args:
        types: those that the tagger knows; each has its F1 as ``f1_TYPE``.
        strict: also report precision, recall and F1 by the letter of IOB2, instead of taking a stray ``I-``
            for a beginning.

    Macro and weighted F1 average over the types that occur in either.
    """
    return figures(entity_measure(references, predictions, types, strict=strict))


def tag_metrics(references: Tags, predictions: Tags, labels: Sequence[str]) -> dict[str, float]:
    """What is reported of a tagger whose tags, ``labels``, spell no entities: accuracy and F1.

    Macro and weighted F1 average over the tags that occur in either.
    """
    return figures(tag_measure(references, predictions, labels))


def entity_measure(truth: Tags, given: Tags, types: Sequence[str], *, strict: bool) -> Sums:
    """:func:`entity_metrics` as functions of the sentences.

    Of each: T entities that are right, T true, T given; the same by the letter; wrong words, words.
    """
    tables = [_entity_table(truth, given, read, types) for read in (entities, strict_entities)]

    def finish(sums: Floats) -> Values:
        halves = np.split(sums[:, :-2], 2, axis=1)
        counted, by_letter = (Counted(*np.split(half, 3, axis=1)) for half in halves)
        values = counted.micro() | {
            "f1_macro": counted.macro_f1(),
            "f1_weighted": counted.weighted_f1(),
            "accuracy": _accuracy(sums),
        }
        if strict:
            values |= {f"{name}_strict": value for name, value in by_letter.micro().items()}
        return values | {f"f1_{name}": counted.f1[:, place] for place, name in enumerate(types)}

    return Sums(np.column_stack([*tables, wrong_words(truth, given)]), finish)


def tag_measure(truth: Tags, given: Tags, labels: Sequence[str]) -> Sums:
    """:func:`tag_metrics` as functions of the sentences.

    Of each: words of each of C tags that are right, true, given; wrong words, words. All tags that there are
    have a place, so that answers of several models can be compared.
    """

    def finish(sums: Floats) -> Values:
        counted = Counted(*np.split(sums[:, :-2], 3, axis=1))
        return {
            "accuracy": _accuracy(sums),
            "f1_macro": counted.macro_f1(),
            "f1_weighted": counted.weighted_f1(),
        }

    return Sums(np.column_stack([_tag_table(truth, given, labels), wrong_words(truth, given)]), finish)


def wrong_words(truth: Tags, given: Tags) -> Floats:
    """(N, 2): how many words of each sentence have a wrong tag, and how many it has."""
    pairs = zip(truth, given, strict=True)
    return np.array([(sum(map(str.__ne__, *pair)), len(pair[0])) for pair in pairs], np.float64)


def _accuracy(sums: Floats) -> Floats:
    """Share of words with the right tag."""
    return ratio(sums[:, -1] - sums[:, -2], sums[:, -1])


def _entity_table(
    truth: Tags, given: Tags, read: Callable[[Sequence[str]], list[Entity]], types: Sequence[str]
) -> Floats:
    """(N, 3 T): entities of each type that are right, true, given in each sentence."""
    rows = []
    for sides in zip(truth, given, strict=True):
        expected, found = (set(read(tags)) for tags in sides)
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
