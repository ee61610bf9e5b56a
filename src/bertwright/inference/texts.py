"""The texts of a file: a line each, or a column of a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bertwright.errors import TableError, UsageError
from bertwright.tasks.lines import read_lines

_TABLES = (".tsv", ".csv", ".jsonl", ".ndjson", ".parquet")
_COMPRESSIONS = (".gz", ".xz", ".zst")


def read_texts(path: Path, column: str | None = None) -> Iterator[str]:
    """The texts in ``path``, in order.

    A file named ``.tsv``, ``.csv``, ``.jsonl`` or ``.parquet`` is a table and gives one of its columns; any
    other gives a text a line (blank lines too, so that row n of the answer is line n of the file).

    Args:
        column: of a table; None where there is one column, or one called ``text``.

    Raises:
        TableError: the file cannot be read, has no such column, or a cell is no text.
        UsageError: a column of a file that is no table.
    """
    if not is_table(path):
        if column is not None:
            raise UsageError.at(path, f"a table for --text {column}", path.suffix or path.name)
        yield from (text for _, text in read_lines(path))
        return
    from bertwright.tasks.formats import open_table

    table = open_table(path)
    chosen = column if column is not None else _only_text(table.columns, path)
    for row in table.rows([chosen]):
        cell = row.cells[0]
        if not isinstance(cell, str):
            raise TableError.at(path, "a text", cell, line=row.line, field=f"column {chosen!r}")
        yield cell


def is_table(path: Path) -> bool:
    """Whether the name of ``path`` is that of a table."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in _TABLES


def _only_text(columns: tuple[str, ...], path: Path) -> str:
    if len(columns) == 1:
        return columns[0]
    if "text" in columns:
        return "text"
    there = ", ".join(map(repr, columns))
    raise UsageError.at(path, "--text COLUMN", hint=f"the columns are {there}")
