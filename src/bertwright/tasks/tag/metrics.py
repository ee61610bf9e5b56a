"""Precision, recall and F1 of entities as ``seqeval`` counts them, and of single tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bertwright.tasks.tag.schemes import Entity, entities, strict_entities

Tags = Sequence[Sequence[str]]


class Rates(NamedTuple):
    """Of one type, or averaged."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class EntityReport:
    """How well entities were found: an entity counts when type, first and last word are right."""

    by_type: dict[str, Rates]
    """Of every type that occurs in the truth or in the answers, in order."""
    support: dict[str, int]
    """True entities of each of them."""
    micro: Rates
    """Over all entities."""
    macro: Rates
    """Mean over the types; 0 when there are none."""
    weighted: Rates
    """Mean over the types, weighted by their true entities; 0 when there are none."""


def entity_report(references: Tags, predictions: Tags, *, strict: bool = False) -> EntityReport:
    """Compare the entities of ``predictions`` with those of ``references``, sentence by sentence.

    Args:
        strict: read tags by the letter of IOB2, instead of taking a stray ``I-`` for a beginning.

    An undefined rate is 0.
    """
    read: Callable[[Sequence[str]], list[Entity]] = strict_entities if strict else entities
    true, given, right = Counter[str](), Counter[str](), Counter[str]()
    for truth, answer in zip(references, predictions, strict=True):
        expected, found = set(read(truth)), set(read(answer))
        true.update(entity.type for entity in expected)
        given.update(entity.type for entity in found)
        right.update(entity.type for entity in expected & found)
    types = sorted(set(true) | set(given))
    by_type = {name: _rates(right[name], given[name], true[name]) for name in types}
    return EntityReport(
        by_type,
        {name: true[name] for name in types},
        _rates(right.total(), given.total(), true.total()),
        _mean(by_type.values(), [1] * len(types)),
        _mean(by_type.values(), [true[name] for name in types]),
    )


def token_accuracy(references: Tags, predictions: Tags) -> float:
    """Share of words with the right tag."""
    right = count = 0
    for truth, answer in zip(references, predictions, strict=True):
        count += len(truth)
        right += sum(map(str.__eq__, truth, answer))
    return right / count if count else 0.0


def entity_metrics(
    references: Tags, predictions: Tags, types: Sequence[str], *, strict: bool
) -> dict[str, float]:
    """What is reported of a tagger of entities.

    Args:
        types: those that the tagger knows; each has its F1 as ``f1_TYPE``.
        strict: also report precision, recall and F1 by the letter of IOB2.
    """
    report = entity_report(references, predictions)
    values = {
        "f1": report.micro.f1,
        "precision": report.micro.precision,
        "recall": report.micro.recall,
        "f1_macro": report.macro.f1,
        "f1_weighted": report.weighted.f1,
        "accuracy": token_accuracy(references, predictions),
    }
    if strict:
        by_letter = entity_report(references, predictions, strict=True).micro
        values |= {
            "f1_strict": by_letter.f1,
            "precision_strict": by_letter.precision,
            "recall_strict": by_letter.recall,
        }
    none = Rates(0.0, 0.0, 0.0)
    return values | {f"f1_{name}": report.by_type.get(name, none).f1 for name in types}


def tag_metrics(references: Tags, predictions: Tags) -> dict[str, float]:
    """What is reported of a tagger whose tags spell no entities: accuracy and F1 averaged over the tags."""
    from sklearn import metrics as sklearn_metrics  # slow to import, and not needed to answer

    truth = [tag for tags in references for tag in tags]
    given = [tag for tags in predictions for tag in tags]
    values = {"accuracy": token_accuracy(references, predictions)}
    for average in ("macro", "weighted"):
        score = sklearn_metrics.f1_score(truth, given, average=average, zero_division=0)
        values[f"f1_{average}"] = float(score)
    return values


def _rates(right: int, given: int, true: int) -> Rates:
    precision = right / given if given else 0.0
    recall = right / true if true else 0.0
    return Rates(
        precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    )


def _mean(rates: Iterable[Rates], weights: Sequence[int]) -> Rates:
    total = sum(weights)
    if not total:
        return Rates(0.0, 0.0, 0.0)
    shares = [weight / total for weight in weights]
    precision, recall, f1 = (_dot(column, shares) for column in zip(*rates, strict=True))
    return Rates(precision, recall, f1)


def _dot(values: Iterable[float], weights: Sequence[float]) -> float:
    return sum(value * weight for value, weight in zip(values, weights, strict=True))
