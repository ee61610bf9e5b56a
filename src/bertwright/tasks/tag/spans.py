"""Entities marked by the characters of a text, as tags of its words."""

from __future__ import annotations

from typing import Any, NamedTuple

from bertwright.tasks.tag.schemes import OUTSIDE
from bertwright.tasks.tag.sentences import Sentence

OVERLAP = 100
"""Entities that cover their text more often than this are no annotation; reading them would take for ever."""


class SpanTags(NamedTuple):
    """Tags, and how many entities they leave out."""

    tags: tuple[str, ...]
    overlaps: int
    """Entities that share a word with an earlier one; only that one is kept."""


def tags_of_spans(text: str, sentence: Sentence, marks: dict[str, Any]) -> SpanTags:
    """IOB2 tags of ``sentence``, cut from ``text``.

    Args:
        marks: type -> text of an entity -> list of ``[start, end]``, the end included (CLUENER 2020).

    Raises:
        ValueError: (expected, got) of the first mark that is not of this form, lies outside of the text,
            or does not have the text that it is said to have.
    """
    tags = [OUTSIDE] * len(sentence.words)
    word_of = {
        place: word for word, (start, end) in enumerate(sentence.spans or ()) for place in range(start, end)
    }
    overlaps = 0
    for kind, start, end in _marked(text, marks):
        words = sorted({word_of[place] for place in range(start, end) if place in word_of})
        if not words:
            raise ValueError("an entity with at least one character to be seen", text[start:end])
        if any(tags[word] != OUTSIDE for word in words):
            overlaps += 1
            continue
        for word in words:
            tags[word] = f"{'B' if word == words[0] else 'I'}-{kind}"
    return SpanTags(tuple(tags), overlaps)


def _marked(text: str, marks: dict[str, Any]) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    room = OVERLAP * len(text)
    for kind, by_text in marks.items():
        if not kind.strip() or not isinstance(by_text, dict):
            raise ValueError("type -> entity -> [[start, end], ..]", {kind: by_text})
        for entity, places in by_text.items():
            if not isinstance(places, list):
                raise ValueError("a list of [start, end]", places)
            room -= len(entity) * len(places)
            if room < 0:
                raise ValueError("entities that do not overlap", f"more than {OVERLAP} times the text")
            found += [(kind, *_span(text, entity, place)) for place in places]
    return found


def _span(text: str, entity: str, place: object) -> tuple[int, int]:
    if not (isinstance(place, list) and len(place) == 2 and all(type(number) is int for number in place)):
        raise ValueError("[start, end] in characters, the end included", place)
    start, end = place[0], place[1] + 1
    if not 0 <= start < end <= len(text):
        raise ValueError(f"a span within the {len(text)} characters of the text", place)
    if text[start:end] != entity:
        raise ValueError(f"the text {entity!r} at {place}", text[start:end])
    return start, end
