"""The rows that vectors are wanted of: texts, pairs, or words that were cut already."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bertwright.errors import TableError, UsageError
from bertwright.features.words import word_ranges
from bertwright.inference.texts import is_table, read_texts
from bertwright.tokenization.encoding import Encoding, assemble
from bertwright.tokenization.tokenizer import Tokenizer

_PAIR = re.compile(r"(.*) \|\|\| (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class GivenWords:
    """A text that comes as its words."""

    words: tuple[str, ...]


FeatureInput = str | tuple[str, str] | GivenWords
"""A text, a pair of texts, or the words of a text."""


@dataclass(frozen=True, slots=True)
class PieceRow:
    """One row for the model, with the place of each piece in its text."""

    input_ids: list[int]
    token_type_ids: list[int]
    tokens: list[str]
    """``[CLS]`` and ``[SEP]`` included, as in the other lists."""
    offsets: list[tuple[int, int] | None]
    """In characters of the piece's own text, or of its own word where words were given; None for ``[CLS]``
    and ``[SEP]``."""
    words: list[tuple[int, int]]
    """Where each word begins and ends among the pieces."""
    truncated: bool

    def __len__(self) -> int:
        return len(self.input_ids)


def read_rows(path: Path, text: str | None = None, text_pair: str | None = None) -> Iterator[FeatureInput]:
    """The rows of a file, in order: a line each (``A ||| B`` is a pair), or of a table's columns.

    A cell of a table (JSON lines, Parquet) may also be a list of words.

    Raises:
        TableError: the file cannot be read, or a cell is neither a text nor a list of words.
        UsageError: a column of a file that is no table, or it must be said which one is meant.
    """
    if not is_table(path):
        named = text or text_pair
        if named is not None:
            raise UsageError.at(path, f"a table for the column {named}", path.suffix or path.name)
        yield from map(split_line, read_texts(path))
        return
    from bertwright.tasks.formats import open_table

    table = open_table(path)
    first = text or next((name for name in ("text", "words", "tokens") if name in table.columns), None)
    if first is None:
        if len(table.columns) > 1 or text_pair is not None:
            raise UsageError.at(path, "--text COLUMN", hint=table.listing)
        first = table.columns[0]
    wanted = [first] if text_pair is None else [first, text_pair]
    for row in table.rows(wanted):
        yield _cells(path, row.line, wanted, row.cells)


def split_line(line: str) -> str | tuple[str, str]:
    """``A ||| B`` as a pair, split at the last bar; any other line as it is (as ``extract_features.py``)."""
    found = _PAIR.fullmatch(line.rstrip()) if " ||| " in line.strip() else None
    return line if found is None else (found[1], found[2])


def _cells(path: Path, line: int, columns: Sequence[str], cells: Sequence[object]) -> FeatureInput:
    if len(cells) == 1 and isinstance(cells[0], list | tuple):
        words = cells[0]
        if not all(isinstance(word, str) for word in words):
            raise TableError.at(path, "a list of words", words, line=line, field=f"column {columns[0]!r}")
        return GivenWords(tuple(words))
    for column, cell in zip(columns, cells, strict=True):
        if not isinstance(cell, str):
            expected = "a text or a list of words" if len(cells) == 1 else "a text"
            raise TableError.at(path, expected, cell, line=line, field=f"column {column!r}")
    return str(cells[0]) if len(cells) == 1 else (str(cells[0]), str(cells[1]))


def piece_row(row: FeatureInput, tokenizer: Tokenizer, max_length: int) -> PieceRow:
    """``[CLS] A [SEP]`` or ``[CLS] A [SEP] B [SEP]`` with the places of its pieces."""
    if isinstance(row, GivenWords):
        texts = [_joined(row.words, tokenizer)]
    else:
        texts = [tokenizer.encode(text) for text in ((row,) if isinstance(row, str) else row)]
    b_ids = texts[1].ids if len(texts) > 1 else None
    made = assemble(texts[0].ids, b_ids, vocabulary=tokenizer.vocabulary, max_length=max_length)
    tokens, words = ["[CLS]"], list[tuple[int, int]]()
    offsets: list[tuple[int, int] | None] = [None]
    for encoding, length in zip(texts, (made.a_length, made.b_length), strict=False):
        if encoding is not texts[0] and not length:
            break  # a second text of which nothing is left is no second text
        place = len(tokens)
        words += [(place + start, place + stop) for start, stop in word_ranges(encoding.word_ids[:length])]
        tokens += [*encoding.tokens[:length], "[SEP]"]
        offsets += [*encoding.offsets[:length], None]
    return PieceRow(made.input_ids, made.token_type_ids, tokens, offsets, words, made.truncated)


def _joined(words: Sequence[str], tokenizer: Tokenizer) -> Encoding:
    """Each word by itself; one that yields no piece becomes ``[UNK]``, so that every word has a vector."""
    whole = Encoding([], [], [], [])
    for number, word in enumerate(words):
        pieces = tokenizer.encode(word)
        if not len(pieces):
            pieces = Encoding(["[UNK]"], [tokenizer.vocabulary.unk_id], [(0, len(word))], [0])
        whole.tokens.extend(pieces.tokens)
        whole.ids.extend(pieces.ids)
        whole.offsets.extend(pieces.offsets)
        whole.word_ids.extend([number] * len(pieces))
    return whole
