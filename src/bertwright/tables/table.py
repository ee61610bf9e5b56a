"""A table of any file format: named columns, streamed rows, errors that name row and column."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bertwright import strict_json
from bertwright.errors import InputError, TableError, listed, quote

_OTHERS = "--text and --label name others, in a file without header by number: --text 1"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its cells in the order asked for, and its first line (Parquet: its number), from 1."""

    line: int
    cells: tuple[object, ...]
    problem: InputError | None = None
    """Why it could not be read; then there are no cells."""


@dataclass
class Table(ABC):
    """A labelled file that is open for reading; its rows are streamed, not held."""

    path: Path
    columns: tuple[str, ...]
    blank_lines: list[int] = field(default_factory=list)
    """Lines between rows that have nothing but white space; filled while the rows are read."""

    @abstractmethod
    def rows(self, columns: Sequence[str], *, lenient: bool = False) -> Iterator[Row]:
        """Every row with the cells of ``columns``, in file order.

        Args:
            lenient: give a row that is wrong in itself (too few cells, no JSON object, a blank line between
                rows) with its ``problem`` instead of raising it, or passing it over. Blank lines behind the
                last row are no rows.

        A cell is what the format holds: text for TSV and CSV; for JSON lines and Parquet also whole
        numbers, floats, truth values, lists, objects, or None.

        Raises:
            TableError: naming file, row and column of the first thing that is wrong.
        """

    def every_row(self, columns: Sequence[str]) -> Iterator[Row]:
        """As :meth:`rows`, for answers that must stand beside the rows: no line between them is left out.

        Raises:
            TableError: also for a blank line, except in a table of one column, where it is an empty cell.
        """
        for row in self.rows(columns, lenient=True):
            if row.problem is not None:
                raise row.problem
            yield row

    def blank_rows(self, told: int, columns: Sequence[str]) -> Iterator[Row]:
        """The :attr:`blank_lines` behind the first ``told``, as rows that cannot be read."""
        for line in self.blank_lines[told:]:
            problem = self.error("a row", "a blank line", line=line, hint="take it out, or make it a row")
            yield Row(line, (), problem)

    @staticmethod
    def damaged(line: int, problem: InputError, lenient: bool) -> Row:
        """The row at ``line``, which cannot be read; raises ``problem`` unless ``lenient``."""
        if not lenient:
            raise problem
        return Row(line, (), problem)

    def error(
        self,
        expected: str,
        got: object = None,
        *,
        line: int | None = None,
        column: str | None = None,
        hint: str | None = None,
    ) -> InputError:
        """A :class:`TableError` about a place in this table."""
        named = None if column is None else f"column {column!r}"
        return TableError.at(self.path, expected, got, line=line, field=named, hint=hint)

    @property
    def listing(self) -> str:
        """The columns that are there, for the hint of an error."""
        return f"the columns are {listed([quote(column[:24]) for column in self.columns])}"

    def places(self, columns: Sequence[str]) -> list[int]:
        """Position of each of ``columns``; a missing one is refused with the names that are there."""
        for column in columns:
            if column not in self.columns:
                raise self.error(f"a column {quote(column)}", hint=f"{self.listing}; {_OTHERS}")
        return [self.columns.index(column) for column in columns]


def check_names(path: Path, names: Sequence[str], line: int | None = None) -> None:
    """Refuse a header whose names are empty, stand twice, or are no Unicode text.

    The first may be empty: so pandas names the index that it writes before the columns, also in SWAG's files.
    """
    seen: set[str] = set()
    for number, name in enumerate(names, 1):
        if not name.strip() and (number > 1 or len(names) == 1):
            raise TableError.at(path, "a name for every column", name, line=line, field=f"column {number}")
        if name in seen:
            raise TableError.at(path, "each column name once", name, line=line, field=f"column {number}")
        if found := strict_json.lone_surrogate(name):
            raise TableError.at(path, "a name of Unicode text", found, line=line, field=f"column {number}")
        seen.add(name)
