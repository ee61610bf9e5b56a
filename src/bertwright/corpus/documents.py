"""Checked lines -> documents, for every format of text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.corpus.parquet_text import open_table, texts_of
from bertwright.errors import CorpusError, InputError, quote

MAX_DOCUMENT_BYTES = 128 << 20
"""A longer document means that the blank lines between documents are missing."""

Lines = Iterable[tuple[int, list[str]]]
"""Groups of lines, each with the number of its first line, as ``lines.decoded_lines`` gives them."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document: lines that are not blank, without their ends."""

    lines: tuple[str, ...]
    source: str
    """The file it stands in."""
    line: int
    """Number of its first line there, from 1 (Parquet: of its row)."""


def documents_of_text(path: Path, lines: Lines) -> Iterator[Document]:
    """Documents between blank lines; a line of nothing but white space is blank."""
    source = str(path)
    held: list[str] = []
    start = size = 0
    for first, group in lines:
        begin = 0
        for blank in [index for index, line in enumerate(group) if not line or line.isspace()]:
            if begin < blank and not held:
                start = first + begin
            held += group[begin:blank]
            if held:
                yield Document(tuple(held), source, start)
                held, size = [], 0
            begin = blank + 1
        if begin < len(group) and not held:
            start = first + begin
        held += group[begin:]
        size += sum(map(len, group[begin:]))  # characters, a lower bound of bytes: good enough for a cap
        if size > MAX_DOCUMENT_BYTES:
            raise document_too_long(path, start)
    if held:
        yield Document(tuple(held), source, start)


def document_too_long(path: Path, line: int) -> InputError:
    """The error about a document of text that begins at ``line`` and does not end."""
    expected = f"a blank line between documents, each under {MAX_DOCUMENT_BYTES >> 20} MiB"
    return CorpusError.at(path, expected, "a longer one", line=line)


def documents_of_jsonl(path: Path, lines: Lines, text_field: str, max_line_bytes: int) -> Iterator[Document]:
    """One JSON object a line; blank lines are passed over."""
    for first, group in lines:
        for number, line in enumerate(group, first):
            if not line or line.isspace():
                continue
            row = strict_json.parse(line, path, line=number, error=CorpusError, max_bytes=max_line_bytes)
            if not isinstance(row, dict):
                raise CorpusError.at(path, "a JSON object", "null" if row is None else row, line=number)
            if text_field not in row:
                raise _no_field(path, text_field, list(row), number)
            yield from _of_text(path, row[text_field], number, text_field)


def documents_of_csv(path: Path, lines: Lines, text_field: str, max_line_bytes: int) -> Iterator[Document]:
    """One row a document, a header above; quoted fields may hold line feeds."""
    csv.field_size_limit(max_line_bytes)
    rows = csv.reader((line + "\n" for _, group in lines for line in group), strict=True)
    column, width, start = -1, 0, 0
    while True:
        start = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as problem:
            hint = "is a quote unbalanced?"
            raise CorpusError.at(path, "a row of CSV", str(problem), line=start, hint=hint) from None
        if row is None:
            return
        if column < 0:
            column, width = _column(path, row, text_field), len(row)
        elif row:
            yield from _of_text(path, _cell(path, row, column, width, start), start, text_field)


def documents_of_tsv(path: Path, lines: Lines, text_field: str) -> Iterator[Document]:
    """One row a document, a header above; quotes are plain characters."""
    column, width = -1, 0
    for first, group in lines:
        for number, line in enumerate(group, first):
            row = line.split("\t")
            if column < 0:
                column, width = _column(path, row, text_field), len(row)
            elif line:
                yield from _of_text(path, _cell(path, row, column, width, number), number, text_field)


def documents_of_parquet(path: Path, groups: range, text_field: str) -> Iterator[Document]:
    """One row a document; ``groups`` are the row groups to read."""
    with open_table(path) as table:
        _require_column(path, table.schema_arrow.names, text_field, None)
        for number, text in texts_of(path, table, groups, text_field):
            yield from _of_text(path, text, number, text_field)


def _of_text(path: Path, text: Any, line: int, field: str) -> Iterator[Document]:
    if not isinstance(text, str):
        raise CorpusError.at(path, "a string", "null" if text is None else text, line=line, field=field)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as problem:
            found = f"a lone surrogate at character {problem.start:,}"
            raise CorpusError.at(path, "Unicode text", found, line=line, field=field) from None
    if len(text) > MAX_DOCUMENT_BYTES:
        raise CorpusError.at(path, f"at most {MAX_DOCUMENT_BYTES >> 20} MiB of text", len(text), line=line)
    lines = tuple(part.removesuffix("\r") for part in text.split("\n") if part and not part.isspace())
    if lines:
        yield Document(lines, str(path), line)


def _column(path: Path, header: list[str], name: str) -> int:
    _require_column(path, header, name, 1)
    return header.index(name)


def _require_column(path: Path, header: list[str], name: str, line: int | None) -> None:
    if name not in header:
        raise _no_field(path, name, header, line)
    if header.count(name) > 1:
        raise CorpusError.at(path, "each column once", name, line=line)


def _cell(path: Path, row: list[str], column: int, width: int, line: int) -> str:
    if len(row) != width:
        raise CorpusError.at(path, f"{width} columns", len(row), line=line)
    return row[column]


def _no_field(path: Path, name: str, names: list[str], line: int | None) -> CorpusError:
    shown = ", ".join(quote(other) for other in names[:8])
    problem = CorpusError.at(path, f"a field {quote(name)}", line=line, hint="--text names another")
    return CorpusError(f"{problem}: the fields are {shown}")
