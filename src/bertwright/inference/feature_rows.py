"""The rows that vectors are wanted of: texts, pairs, or words that were cut already."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from bertwright.errors import TableError, UsageError
from bertwright.features.piece_rows import FeatureInput, GivenWords
from bertwright.inference.texts import read_texts
from bertwright.tables.formats import is_table, open_table

_PAIR = re.compile(r"(.*) \|\|\| (.*)", re.DOTALL)


def read_rows(path: Path, text: str | None = None, text_pair: str | None = None) -> Iterator[FeatureInput]:
    """The rows of a file, in order: a line each (``A ||| B`` is a pair), or of a table's columns.

    A cell of a table (JSON lines, Parquet) may also be a list of words.

    Raises:
        TableError: the file cannot be read, a row is damaged, or a cell is neither a text nor a list of
            words.
        UsageError: a column of a file that is no table, or it must be said which one is meant.
    """
    if not is_table(path):
        named = text or text_pair
        if named is not None:
            raise UsageError.at(path, f"a table for the column {named}", path.suffix or path.name)
        yield from map(split_line, read_texts(path))
        return
    table = open_table(path)
    first = text or next((name for name in ("text", "words", "tokens") if name in table.columns), None)
    if first is None:
        if len(table.columns) > 1 or text_pair is not None:
            raise UsageError.at(path, "--text COLUMN", hint=table.listing)
        first = table.columns[0]
    wanted = [first] if text_pair is None else [first, text_pair]
    for row in table.every_row(wanted):
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
