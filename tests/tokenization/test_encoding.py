"""The input of the model made of one or two texts."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import json_lines

from bertwright.errors import UsageError
from bertwright.tokenization import Vocabulary, assemble
from bertwright.tokenization.encoding import truncated_lengths
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS
from tokenization import google

VOCABULARY = Vocabulary.from_tokens([*SPECIAL_TOKENS, *"abcdefgh"])
CLS, SEP = VOCABULARY.cls_id, VOCABULARY.sep_id


def test_a_single_text() -> None:
    row = assemble([5, 6, 7], None, vocabulary=VOCABULARY, max_length=5)
    assert row.input_ids == [CLS, 5, 6, 7, SEP]
    assert row.token_type_ids == [0] * 5
    assert (row.truncated, row.a_length, row.b_length, len(row)) == (False, 3, 0, 5)


def test_a_pair() -> None:
    row = assemble([5, 6], [7], vocabulary=VOCABULARY, max_length=9)
    assert row.input_ids == [CLS, 5, 6, SEP, 7, SEP]
    assert row.token_type_ids == [0, 0, 0, 0, 1, 1]
    assert (row.truncated, row.a_length, row.b_length) == (False, 2, 1)


def test_the_longer_loses_first_and_b_when_equal() -> None:
    row = assemble([5, 6, 7, 8], [9, 10], vocabulary=VOCABULARY, max_length=6)
    assert row.input_ids == [CLS, 5, 6, SEP, 9, SEP]
    assert row.truncated


def test_an_empty_text() -> None:
    assert assemble([], None, vocabulary=VOCABULARY, max_length=3).input_ids == [CLS, SEP]
    assert assemble([], [5], vocabulary=VOCABULARY, max_length=9).input_ids == [CLS, SEP, 5, SEP]


@pytest.mark.parametrize("b_ids", [None, []])
def test_no_second_text_has_no_second_separator(b_ids: list[int] | None) -> None:
    assert assemble([5], b_ids, vocabulary=VOCABULARY, max_length=9).input_ids == [CLS, 5, SEP]


def test_a_second_text_cut_to_nothing_leaves_room_unused_as_the_original_does() -> None:
    row = assemble([5, 6], [7], vocabulary=VOCABULARY, max_length=4)
    assert row.input_ids == [CLS, 5, SEP]
    assert row.truncated and row.b_length == 0


def test_too_little_room() -> None:
    with pytest.raises(UsageError, match="at least 3, got 2"):
        assemble([5], None, vocabulary=VOCABULARY, max_length=2)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60))
def test_lengths_equal_those_of_popping_one_at_a_time(a: int, b: int, room: int) -> None:
    expected = [a, b]
    while sum(expected) > room:
        expected[0 if expected[0] > expected[1] else 1] -= 1
    assert truncated_lengths(a, b, room) == tuple(expected)


def test_golden_rows() -> None:
    rows = json_lines("golden/classifier_inputs/examples.jsonl.gz")
    assert len(rows) == 625
    for row in rows:
        tokenizer = google.tokenizer(row["vocab"].removeprefix("bert-base-"), row["do_lower_case"])
        a = tokenizer.encode(row["text_a"]).ids
        b = tokenizer.encode(row["text_b"]).ids if row["text_b"] is not None else None
        found = assemble(a, b, vocabulary=tokenizer.vocabulary, max_length=row["max_seq_length"])
        assert found.input_ids == row["input_ids"]
        assert found.token_type_ids == row["segment_ids"]
        assert len(found) == row["length"]
        assert [tokenizer.vocabulary.tokens[index] for index in found.input_ids] == row["tokens"]
    assert Counter(row["text_b"] is None for row in rows)[True] > 50
