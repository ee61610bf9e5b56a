"""Opening a labelled file by its name: the table of formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bertwright.errors import UsageError, quote
from bertwright.tables.delimited import open_csv, open_tsv
from bertwright.tables.table import Table

COMPRESSIONS = (".gz", ".xz", ".zst")
SUFFIXES = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".txt": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}


def open_table(path: Path, *, format: str = "auto", names: Sequence[str] | None = None) -> Table:
    """The table in ``path``.

    Args:
        path: a TSV, CSV, JSON lines or Parquet file; text formats may be compressed (``.gz``, ``.xz``,
            ``.zst``).
        format: ``"auto"`` goes by the name of the file.
        names: the column names of a TSV or CSV file without header, empty to number them from 1; None when
            its first line is the header.

    Raises:
        TableError: the file is missing, empty, unreadable, or has no usable header.
        UsageError: the format is unknown, or ``names`` are given for a format that has its own.
    """
    name = format_of(path) if format == "auto" else format
    if name not in FORMATS:
        raise UsageError(f"expected a format among {', '.join(FORMATS)}, got {quote(name)}")
    return FORMATS[name](path, names)


def first_cells(path: Path, *, format: str = "auto") -> tuple[str, ...]:
    """The names of a table's columns or, of a TSV or CSV file, its first row, whether it names them or not.

    Raises:
        TableError, UsageError: as :func:`open_table`.
    """
    text = (format_of(path) if format == "auto" else format) in ("tsv", "csv")
    table = open_table(path, format=format, names=() if text else None)
    return tuple(map(str, next(table.rows(table.columns)).cells)) if text else table.columns


def format_of(path: Path) -> str:
    """The format that the name of a file says.

    Raises:
        UsageError: it says none.
    """
    suffix = suffix_of(path)
    if suffix not in SUFFIXES:
        raise UsageError.at(
            path, f"a file name ending in {', '.join(SUFFIXES)}", suffix or path.name, hint="or give --format"
        )
    return SUFFIXES[suffix]


def suffix_of(path: Path) -> str:
    """What the name of ``path`` ends in, lower case, before the suffix of a compression; "" for nothing."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def is_table(path: Path) -> bool:
    """Whether the name of ``path`` is that of a table; a ``.txt`` is one only where nothing else can be."""
    return suffix_of(path) in SUFFIXES and suffix_of(path) != ".txt"


def _open_json_lines(path: Path, names: Sequence[str] | None) -> Table:
    from bertwright.tables.json_lines import JsonLinesTable

    _refuse_names(path, names, "JSON lines")
    return JsonLinesTable(path)


def _open_parquet(path: Path, names: Sequence[str] | None) -> Table:
    from bertwright.tables.parquet import ParquetTable

    _refuse_names(path, names, "Parquet")
    return ParquetTable(path)


def _refuse_names(path: Path, names: Sequence[str] | None, format: str) -> None:
    if names is not None:
        expected = f"columns by the names that the {format} file has"
        raise UsageError.at(
            path,
            expected,
            ", ".join(names) or "numbers",
            hint="--columns and column numbers are for TSV and CSV",
        )


FORMATS: dict[str, Callable[[Path, Sequence[str] | None], Table]] = {
    "tsv": open_tsv,
    "csv": open_csv,
    "jsonl": _open_json_lines,
    "parquet": _open_parquet,
}
