"""How tags spell entities: IOB2 and its relatives, or plain tags that spell none.

A tag is ``O`` (outside) or a prefix, a hyphen and the type: ``B-`` begins, ``I-`` (or ``M-``) goes on, ``E-``
(or ``L-``) ends, and ``S-`` (or ``U-``) is an entity of one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Scheme = Literal["IOB2", "IO", "IOBES", "plain"]

OUTSIDE = "O"
_ENTITY = re.compile(r"([BIMELSU])-(.+)", re.DOTALL)
_SAME = {"M": "I", "L": "E", "U": "S"}


class Entity(NamedTuple):
    """A named thing in a sentence."""

    type: str
    start: int
    """Its first word, from 0."""
    end: int
    """The word behind its last."""


def split_tag(tag: str) -> tuple[str, str]:
    """Prefix (one of ``OBIES``) and type of a tag; what is no tag of an entity is outside."""
    match = _ENTITY.fullmatch(tag)
    if match is None:
        return OUTSIDE, ""
    return _SAME.get(match[1], match[1]), match[2]


def scheme_of(tags: Iterable[str]) -> Scheme:
    """How ``tags`` (the distinct ones) spell entities; ``plain`` when one of them does not."""
    distinct = set(tags) - {OUTSIDE}
    if not distinct or not all(_ENTITY.fullmatch(tag) for tag in distinct):
        return "plain"
    prefixes = {split_tag(tag)[0] for tag in distinct}
    if prefixes & {"E", "S"}:
        return "IOBES"
    return "IOB2" if "B" in prefixes else "IO"


def types_of(tags: Iterable[str]) -> tuple[str, ...]:
    """The types of entities that ``tags`` spell, in order."""
    return tuple(sorted({split_tag(tag)[1] for tag in tags} - {""}))


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of a sentence, read leniently: an ``I-`` without a beginning begins one.

    Source: ``conlleval.pl`` of the CoNLL tasks, which ``seqeval`` follows by default.
    """
    found: list[Entity] = []
    open_type: str | None = None
    begin = 0
    closed = True  # whether the word before ended its entity by its prefix
    for place, (prefix, kind) in enumerate(map(split_tag, tags)):
        goes_on = open_type == kind and not closed and prefix in "IE"
        if open_type is not None and not goes_on:
            found.append(Entity(open_type, begin, place))
            open_type = None
        if prefix != OUTSIDE and not goes_on:
            open_type, begin = kind, place
        closed = prefix in "ES"
    if open_type is not None:
        found.append(Entity(open_type, begin, len(tags)))
    return found


def strict_entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of a sentence by the letter of IOB2: a ``B-`` and the ``I-`` of its type behind it.

    Source: ``seqeval`` with ``mode="strict", scheme=IOB2``.
    """
    found: list[Entity] = []
    open_type: str | None = None
    begin = 0
    for place, (prefix, kind) in enumerate(map(split_tag, tags)):
        if open_type is not None and not (prefix == "I" and kind == open_type):
            found.append(Entity(open_type, begin, place))
            open_type = None
        if prefix == "B":
            open_type, begin = kind, place
    if open_type is not None:
        found.append(Entity(open_type, begin, len(tags)))
    return found


def stray_insides(tags: Sequence[str]) -> list[int]:
    """Words whose ``I-`` follows no ``B-`` or ``I-`` of the same type."""
    found = []
    before = (OUTSIDE, "")
    for place, tag in enumerate(tags):
        prefix, kind = split_tag(tag)
        if prefix == "I" and not (before[0] in "BI" and before[1] == kind):
            found.append(place)
        before = prefix, kind
    return found


def repaired(tags: Sequence[str]) -> tuple[str, ...]:
    """``tags`` with ``B-`` for every stray ``I-``."""
    stray = set(stray_insides(tags))
    return tuple(f"B-{split_tag(tag)[1]}" if place in stray else tag for place, tag in enumerate(tags))
