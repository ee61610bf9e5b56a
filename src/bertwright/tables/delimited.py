"""TSV and CSV tables.

TSV is read with quoting off, as the GLUE files want it: a tab always separates, a quote is a letter. CSV
follows RFC 4180: a cell may stand in double quotes, ``""`` inside them is one quote, and a quoted cell may
hold line breaks. A quote that is never closed is an error at the row where it was opened; it never swallows
the rows behind it in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bertwright.errors import InputError, TableError
from bertwright.tables.lines import is_blank, read_any_lines
from bertwright.tables.table import Row, Table, check_names

Lines = Iterator[tuple[int, str]]
Cells = Callable[[Path, int, str, Lines], list[str]]

MAX_CELL_CHARACTERS = 16 << 20


class UnclosedQuoteError(TableError):
    """A quoted cell has no end before that of the file, or is damaged: where its row ends is not known."""


class DelimitedTable(Table):
    """A table of separated text.

    Args:
        names: of the columns of a file without header; empty to number them from 1; None when the first
            line is the header.
    """

    def __init__(self, path: Path, names: Sequence[str] | None, separator: str, cells: Cells) -> None:
        super().__init__(path, ())
        self._has_header = names is None
        self._separator, self._cells = separator, cells
        first = next(self._records(), None)
        if first is None or isinstance(first[1], InputError):
            raise self.error("a table", "nothing but white space")
        line, header = first[0], first[1]
        self.columns = tuple(header if names is None else names or map(str, range(1, len(header) + 1)))
        check_names(path, self.columns, line if self._has_header else None)
        if not self._has_header:
            self._check_width(line, header)
        self.blank_lines.clear()

    def rows(self, columns: Sequence[str], *, lenient: bool = False) -> Iterator[Row]:
        places = self.places(columns)
        records, told = self._records(lenient=lenient), 0
        if self._has_header:
            next(records)
            told = len(self.blank_lines)
        for line, cells in records:
            if lenient:  # answers must line up with the file
                yield from self.blank_rows(told, columns)
                told = len(self.blank_lines)
            if isinstance(cells, InputError):
                yield self.damaged(line, cells, lenient)
                continue
            try:
                self._check_width(line, cells)
            except InputError as problem:
                yield self.damaged(line, problem, lenient)
            else:
                yield Row(line, tuple(cells[place] for place in places))

    def blank_rows(self, told: int, columns: Sequence[str]) -> Iterator[Row]:
        """Where there is one column, so that no separator is written, a blank line is its empty cell."""
        if len(self.columns) > 1:
            yield from super().blank_rows(told, columns)
        else:
            yield from (Row(line, ("",) * len(columns)) for line in self.blank_lines[told:])

    @property
    def separator_hint(self) -> str | None:
        """What to do when the header looks as if another character separated the columns."""
        if len(self.columns) > 1:
            return None
        for character, name, suffix in (
            ("\t", "tabs", ".tsv"),
            (",", "commas", ".csv"),
            (";", "semicolons", ""),
        ):
            if character != self._separator and character in self.columns[0]:
                what = f"name it {suffix}" if suffix else "write commas"
                return f"the columns seem to be separated by {name}: {what}"
        return None

    @property
    def listing(self) -> str:
        return self.separator_hint or super().listing

    def _records(self, *, lenient: bool = False) -> Iterator[tuple[int, list[str] | InputError]]:
        """Line and cells of every row; ``lenient`` gives what is wrong with a row instead of raising it."""
        self.blank_lines.clear()
        blank: list[int] = []
        lines = read_any_lines(self.path)
        rest = _texts(lines)
        for number, line in lines:
            if isinstance(line, str) and is_blank(line) and self._separator not in line:
                blank.append(number)
                continue
            self.blank_lines.extend(blank)  # blank lines behind the last row are no blank rows
            blank.clear()
            try:
                if isinstance(line, InputError):
                    raise line
                yield number, self._cells(self.path, number, line, rest)
            except UnclosedQuoteError:
                raise  # it has read the rows behind it
            except InputError as problem:
                if not lenient:
                    raise
                yield number, problem

    def _check_width(self, line: int, cells: list[str]) -> None:
        if len(cells) == len(self.columns):
            return
        hint = self.separator_hint
        if hint is None and len(cells) > len(self.columns) and self._separator == ",":
            hint = "put a cell that has a comma in double quotes"
        raise self.error(f"{len(self.columns)} columns", len(cells), line=line, hint=hint)


def _texts(lines: Iterator[tuple[int, str | InputError]]) -> Lines:
    """The lines inside a quoted cell."""
    for number, line in lines:
        if isinstance(line, InputError):
            raise UnclosedQuoteError(line.message)
        yield number, line


def open_tsv(path: Path, names: Sequence[str] | None = None) -> DelimitedTable:
    """The tab-separated table in ``path``."""
    return DelimitedTable(path, names, "\t", _plain_cells)


def open_csv(path: Path, names: Sequence[str] | None = None) -> DelimitedTable:
    """The comma-separated table in ``path``."""
    return DelimitedTable(path, names, ",", _csv_cells)


def _plain_cells(_path: Path, _number: int, line: str, _rest: Lines) -> list[str]:
    return line.split("\t")


def _csv_cells(path: Path, number: int, line: str, rest: Lines) -> list[str]:
    if '"' not in line:
        return line.split(",")
    first = line
    cells: list[str] = []
    position = 0
    while True:
        if line.startswith('"', position):
            cell, line, position = _quoted_cell(path, number, line, position, rest)
            if position < len(line) and line[position] != ",":
                got = line[position : position + 20]
                hint = 'a quote inside a quoted cell is written twice: ""'
                where = f"column {len(cells) + 1}"
                error = TableError if line is first else UnclosedQuoteError
                raise error.at(path, 'a comma behind the closing "', got, line=number, field=where, hint=hint)
        else:
            end = line.find(",", position)
            end = len(line) if end < 0 else end
            cell, position = line[position:end], end
        cells.append(cell)
        if position >= len(line):
            return cells
        position += 1  # the comma; a last empty cell follows one that ends the line


def _quoted_cell(path: Path, number: int, line: str, start: int, rest: Lines) -> tuple[str, str, int]:
    """The quoted cell that opens at ``line[start]``: its text, the line it ends on, the place behind it."""
    parts: list[str] = []
    size = 0
    position = start + 1
    while True:
        end = line.find('"', position)
        if end < 0:
            parts.append(line[position:] + "\n")
            size += len(parts[-1])
            following = next(rest, None)
            if following is None or size > MAX_CELL_CHARACTERS:
                expected = 'a closing " for the one opened in this row'
                raise UnclosedQuoteError.at(path, expected, "none", line=number)
            line, position = following[1], 0
        elif line.startswith('""', end):
            parts.append(line[position : end + 1])
            position = end + 2
        else:
            parts.append(line[position:end])
            return "".join(parts), line, end + 1
