"""Logits to tags and entities: the one place that evaluation, prediction and serving share.

Axes: W words of a sentence, K words of a row, C tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.tasks.classify.decoding import log_probabilities
from bertwright.tasks.tag.encoding import TagFeatures
from bertwright.tasks.tag.schemes import entities
from bertwright.tasks.tag.sentences import Sentence


@dataclass(frozen=True, slots=True)
class TaggedEntity:
    """An entity that was found."""

    type: str
    text: str
    """As it stands in the text; of a list of words, these with blanks between them."""
    words: tuple[int, int]
    """Its first word, and the one behind its last."""
    offsets: tuple[int, int] | None
    """Its characters in the text; None where the input was a list of words."""
    probability: float
    """The least of those of its tags."""

    def to_dict(self) -> dict[str, Any]:
        """As part of an answer."""
        return {
            "type": self.type,
            "text": self.text,
            "words": list(self.words),
            "offsets": None if self.offsets is None else list(self.offsets),
            "probability": self.probability,
        }


@dataclass(frozen=True, slots=True)
class Tagging:
    """The tags of one sentence."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    """One a word."""
    probabilities: tuple[float, ...]
    """Of each tag."""
    offsets: tuple[tuple[int, int], ...] | None
    """Where the words stand in the text; None where the input was a list of words."""
    entities: tuple[TaggedEntity, ...] | None
    """None where the tags spell none."""
    truncated: bool
    """Whether the end of a word was not seen."""

    def to_dict(self) -> dict[str, Any]:
        """As written by ``predict``."""
        return {
            "words": list(self.words),
            "tags": list(self.tags),
            "probabilities": list(self.probabilities),
            "offsets": None if self.offsets is None else [list(span) for span in self.offsets],
            "entities": None if self.entities is None else [one.to_dict() for one in self.entities],
            "truncated": self.truncated,
        }


def decode(
    outputs: Sequence[NDArray[np.float32]],
    features: Sequence[TagFeatures],
    sentences: Sequence[Sentence],
    tags: Sequence[str],
    *,
    spells_entities: bool,
) -> list[Tagging]:
    """The most probable tag of every word of ``sentences``; of equal ones the first in ``tags``.

    Args:
        outputs: (S, C) logits for each of ``features``.
    """
    if not features:
        return []
    logits = words_logits(outputs, features)
    best = logits.argmax(axis=1)
    sure = np.exp(log_probabilities(logits)[np.arange(len(best)), best])
    lengths = np.array([len(row.words) for row in features])
    ends = np.cumsum(lengths)
    given: list[list[str]] = [[""] * len(sentence.words) for sentence in sentences]
    shares: list[list[float]] = [[0.0] * len(sentence.words) for sentence in sentences]
    cut = [False] * len(sentences)
    for row, end in zip(features, ends.tolist(), strict=True):
        numbers = best[end - len(row.words) : end].tolist()
        values = sure[end - len(row.words) : end].tolist()
        for word, number, value in zip(row.words.tolist(), numbers, values, strict=True):
            given[row.example][word] = tags[number]
            shares[row.example][word] = value
        cut[row.example] = cut[row.example] or row.truncated
    return [
        Tagging(
            sentence.words,
            tuple(given[index]),
            tuple(shares[index]),
            sentence.spans,
            _found(sentence, given[index], shares[index]) if spells_entities else None,
            cut[index],
        )
        for index, sentence in enumerate(sentences)
    ]


def words_logits(
    outputs: Sequence[NDArray[np.float32]], features: Sequence[TagFeatures]
) -> NDArray[np.float32]:
    """The logits of the words asked for, row after row: (sum of K, C)."""
    parts = [output[row.places] for output, row in zip(outputs, features, strict=True)]
    return np.concatenate(parts)


def words_targets(features: Sequence[TagFeatures]) -> NDArray[np.int64]:
    """The numbers of the tags of those words, in the same order."""
    return np.concatenate([row.target[row.places] for row in features])


def _found(sentence: Sentence, tags: list[str], shares: list[float]) -> tuple[TaggedEntity, ...]:
    found = []
    for kind, first, end in entities(tags):
        offsets = None
        shown = " ".join(sentence.words[first:end])
        if sentence.spans is not None and sentence.text is not None:
            offsets = sentence.spans[first][0], sentence.spans[end - 1][1]
            shown = sentence.text[slice(*offsets)]
        found.append(TaggedEntity(kind, shown, (first, end), offsets, min(shares[first:end])))
    return tuple(found)
