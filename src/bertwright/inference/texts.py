"""The texts of a file: a line each, or a column of a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bertwright.errors import TableError, UsageError
from bertwright.tables.formats import is_table, open_table
from bertwright.tables.lines import read_lines


def read_texts(path: Path, column: str | None = None) -> Iterator[str]:
    """The texts in ``path``, in order.

    A file whose name is that of a table (see :mod:`bertwright.tables.formats`) gives one of its columns; any
    other gives a text a line (blank lines too, so that row n of the answer is line n of the file).

    Args:
        column: of a table; None where there is one column, or one called ``text``.

    Raises:
        TableError: the file cannot be read, has no such column, a row is damaged, or a cell is no text.
        UsageError: a column of a file that is no table.
    """
    if not is_table(path):
        if column is not None:
            raise UsageError.at(path, f"a table for --text {column}", path.suffix or path.name)
        yield from (text for _, text in read_lines(path))
        return
    table = open_table(path)
    chosen = column if column is not None else _only_text(table.columns, path)
    for row in table.every_row([chosen]):
        cell = row.cells[0]
        if not isinstance(cell, str):
            raise TableError.at(path, "a text", cell, line=row.line, field=f"column {chosen!r}")
        yield cell


def _only_text(columns: tuple[str, ...], path: Path) -> str:
    if len(columns) == 1:
        return columns[0]
    if "text" in columns:
        return "text"
    there = ", ".join(map(repr, columns))
    raise UsageError.at(path, "--text COLUMN", hint=f"the columns are {there}")
