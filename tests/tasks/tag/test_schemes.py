"""Entities spelled by tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.tasks.tag.schemes import (
    entities,
    repaired,
    scheme_of,
    split_tag,
    stray_insides,
    strict_entities,
    types_of,
)


@pytest.mark.parametrize(
    "tags,scheme",
    [
        ("O B-X I-X", "IOB2"),
        ("O I-X", "IO"),
        ("O B-X E-X S-X", "IOBES"),
        ("O B-X L-X U-X", "IOBES"),
        ("NOUN VERB", "plain"),
        ("O B-X NOUN", "plain"),
        ("O", "plain"),
        ("B-", "plain"),
    ],
)
def test_schemes(tags: str, scheme: str) -> None:
    assert scheme_of(tags.split()) == scheme


@pytest.mark.parametrize(
    "tags,lenient,strict",
    [
        ("B-X I-X O", [("X", 0, 2)], [("X", 0, 2)]),
        ("B-X B-X", [("X", 0, 1), ("X", 1, 2)], [("X", 0, 1), ("X", 1, 2)]),
        ("O I-X I-X", [("X", 1, 3)], []),
        ("B-X I-Y", [("X", 0, 1), ("Y", 1, 2)], [("X", 0, 1)]),
        ("S-X S-X E-X", [("X", 0, 1), ("X", 1, 2), ("X", 2, 3)], []),
        ("B-X M-X E-X I-X", [("X", 0, 3), ("X", 3, 4)], [("X", 0, 2)]),
        ("B-X-1 I-X-1", [("X-1", 0, 2)], [("X-1", 0, 2)]),
        ("", [], []),
    ],
)
def test_entities(tags: str, lenient: list[object], strict: list[object]) -> None:
    assert entities(tags.split()) == lenient
    assert strict_entities(tags.split()) == strict


def test_parts_of_tags() -> None:
    assert split_tag("L-PER") == ("E", "PER") and split_tag("NOUN") == ("O", "")
    assert types_of(["O", "I-b", "B-a", "B-b"]) == ("a", "b")


def test_repair_by_hand() -> None:
    tags = "O I-X I-X B-Y I-X O".split()  # noqa: SIM905
    assert stray_insides(tags) == [1, 4]
    assert repaired(tags) == ("O", "B-X", "I-X", "B-Y", "B-X", "O")


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), max_size=12))
def test_repair_keeps_the_entities_and_makes_both_readings_one(tags: list[str]) -> None:
    whole = repaired(tags)
    assert stray_insides(whole) == []
    assert entities(whole) == entities(tags) == strict_entities(whole)
