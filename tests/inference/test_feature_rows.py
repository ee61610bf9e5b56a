"""Rows for vectors: lines and tables in, pieces with their places out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import tokenizer

from bertwright.errors import InputError
from bertwright.features.piece_rows import GivenWords, piece_row
from bertwright.inference.feature_rows import read_rows, split_line


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("a b", "a b"),
        ("a ||| b", ("a", "b")),
        ("a ||| b ||| c", ("a ||| b", "c")),
        ("a|||b", "a|||b"),
        (" ||| b", " ||| b"),  # the original strips the line first
        ("a ||| ", "a ||| "),
        ("", ""),
    ],
)
def test_lines_are_split_as_the_original_does(line: str, row: object) -> None:
    assert split_line(line) == row


def test_a_pair_by_hand() -> None:
    row = piece_row(("Good books.", "the seaing"), tokenizer(), 40)
    assert row.tokens == ["[CLS]", "good", "book", "##s", ".", "[SEP]", "the", "sea", "##ing", "[SEP]"]
    assert row.offsets == [None, (0, 4), (5, 9), (9, 10), (10, 11), None, (0, 3), (4, 7), (7, 10), None]
    assert row.words == [(1, 2), (2, 4), (4, 5), (6, 7), (7, 9)]
    assert row.token_type_ids == [0] * 6 + [1] * 4
    assert not row.truncated
    cut = piece_row(("Good books.", "the seaing"), tokenizer(), 8)
    assert cut.tokens == ["[CLS]", "good", "book", "##s", "[SEP]", "the", "sea", "[SEP]"]
    assert cut.truncated and cut.words == [(1, 2), (2, 4), (5, 6), (6, 7)]


def test_given_words_keep_their_number_even_without_a_piece() -> None:
    row = piece_row(GivenWords(("seaing", "\u200b", "good.")), tokenizer(), 40)
    assert row.tokens == ["[CLS]", "sea", "##ing", "[UNK]", "good", ".", "[SEP]"]
    assert row.words == [(1, 3), (3, 4), (4, 6)]
    assert row.offsets[1:6] == [(0, 3), (3, 6), (0, 1), (0, 4), (4, 5)]


def test_tables(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        json.dumps({"id": 1, "tokens": ["a", "b"], "b": "x"})
        + "\n"
        + json.dumps({"id": 2, "tokens": [], "b": "y"})
    )
    assert list(read_rows(file)) == [GivenWords(("a", "b")), GivenWords(())]
    assert list(read_rows(file, "b")) == ["x", "y"]
    for options, message in (
        (("id",), "rows.jsonl:1: column 'id': expected a text or a list of words, got 1"),
        (("b", "id"), "rows.jsonl:1: column 'id': expected a text, got 1"),
        (("none",), 'expected a column "none"'),
    ):
        with pytest.raises(InputError, match=message):
            list(read_rows(file, *options))
    lines = tmp_path / "rows.txt"
    lines.write_text("a\n")
    with pytest.raises(InputError, match="a table for the column text"):
        list(read_rows(lines, "text"))


@given(st.text(alphabet="ab sea.,ing", max_size=40), st.integers(3, 40))
def test_every_piece_is_where_its_offsets_say(text: str, length: int) -> None:
    row = piece_row(text, tokenizer(), length)
    assert len(row.tokens) == len(row.offsets) == len(row) <= length
    for token, span in zip(row.tokens, row.offsets, strict=True):
        if span is not None:
            assert text[slice(*span)] == token.removeprefix("##")
    assert [place for word in row.words for place in range(*word)] == list(range(1, len(row) - 1))
