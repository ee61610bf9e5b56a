"""Cutting a corpus into chunks for parallel work. Where the cuts fall depends on the input alone.

Plain files are cut at byte offsets; what a large compressed file holds is cut where it is decompressed,
in the process that draws the chunks, and travels inside them. Small files are put together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bertwright.corpus.documents import (
    MAX_DOCUMENT_BYTES,
    Document,
    Lines,
    document_too_long,
    documents_of_csv,
    documents_of_jsonl,
    documents_of_parquet,
    documents_of_text,
    documents_of_tsv,
)
from bertwright.corpus.files import Corpus, CorpusFile, find_corpus
from bertwright.corpus.lines import MAX_LINE_BYTES, decoded_lines, line_too_long
from bertwright.corpus.parquet_text import open_table
from bertwright.corpus.streams import ByteStream, reading
from bertwright.errors import RunError, shown_path

_BLANK_LINE = re.compile(
    # what ``str.isspace`` is true of, as UTF-8; possessive, as a line of it may be as long as a block
    rb"\n(?:[ \t\r\x0b\x0c\x1c-\x1f]++|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|"
    rb"\xe2\x81\x9f|\xe3\x80\x80)*+\n"
)
_LINE = re.compile(rb"\n")
_CHUNK_BYTES = 16 << 20
_OVERLAP = 1024  # bytes of the previous block in which a blank line may begin


@dataclass(frozen=True)
class Piece:
    """A range of one file: bytes of text, or row groups of Parquet; ``stop`` None is its end."""

    file: CorpusFile
    start: int = 0
    stop: int | None = None
    line: int = 1
    data: bytes | None = None
    """The text itself, where it came out of a compressed file."""


@dataclass(frozen=True)
class Chunk:
    """Work for one process: picklable."""

    pieces: tuple[Piece, ...]
    stored_bytes: int
    """Bytes of the stored files that it covers, for progress."""

    def __str__(self) -> str:
        first = self.pieces[0]
        more = f" and {len(self.pieces) - 1} more files" if len(self.pieces) > 1 else ""
        return f"{shown_path(first.file.path)} from line {first.line}{more}"


def split_work(
    corpus: Corpus, target_bytes: int, *, at: Literal["document", "line"] = "document"
) -> Iterator[Chunk]:
    """Chunks of about ``target_bytes`` of text, in the order of the corpus; drawn lazily to bound the memory.

    Args:
        corpus: from :func:`bertwright.corpus.files.find_corpus`.
        target_bytes: a chunk ends at the first boundary after so many bytes.
        at: cut plain text between documents, or at any line (for counting words).

    Raises:
        CorpusError: damaged archives, a line that is too long, a document over 128 MiB.
        RunError: a file vanished.
        DiskError: a file cannot be read.
    """
    held: list[Piece] = []
    size = stored = 0
    for file in corpus.files:
        for piece, text_bytes, stored_bytes in _pieces(file, target_bytes, at):
            held.append(piece)
            size, stored = size + text_bytes, stored + stored_bytes
            if size >= target_bytes:
                yield Chunk(tuple(held), stored)
                held, size, stored = [], 0, 0
    if held:
        yield Chunk(tuple(held), stored)


def read_chunk(chunk: Chunk) -> Iterator[Document]:
    """The documents of ``chunk``, in order.

    Raises:
        CorpusError: what is wrong with the text, with file and line.
        RunError: a file vanished or changed since it was found.
        DiskError: it cannot be read.
    """
    for piece in chunk.pieces:
        yield from _documents(piece)


def read_documents(
    path: str | Path, *, format: str = "auto", text_field: str = "text", max_line_bytes: int = MAX_LINE_BYTES
) -> Iterator[Document]:
    """The documents of one file or directory, in order.

    Args:
        path: a file, possibly compressed (gzip, xz, zstd), or a directory of files.
        format: ``text``: one paragraph or sentence a line, a blank line between documents. ``jsonl``,
            ``csv``, ``tsv``, ``parquet``: one row a document, its text cut at line feeds.
        text_field: the column, or key, that holds the text.
        max_line_bytes: longer lines are refused.

    Raises:
        CorpusError: what is wrong, with file and line.
    """
    corpus = find_corpus([path], format=format, text_field=text_field, max_line_bytes=max_line_bytes)
    for chunk in split_work(corpus, _CHUNK_BYTES):
        yield from read_chunk(chunk)


def _pieces(file: CorpusFile, target: int, at: str) -> Iterator[tuple[Piece, int, int]]:
    if file.format == "parquet":
        yield from _row_groups(file, target)
    elif file.format in ("csv", "tsv") or file.text_bytes <= target:
        yield Piece(file), file.text_bytes, file.stored_bytes
    else:
        boundary = _BLANK_LINE if at == "document" and file.format == "text" else _LINE
        yield from _cut(file, target, boundary)


def _cut(file: CorpusFile, target: int, boundary: re.Pattern[bytes]) -> Iterator[tuple[Piece, int, int]]:
    """Pieces of a file of lines, each ending at the first ``boundary`` after ``target`` bytes."""
    stream = ByteStream(file.path, file.compression)
    inline = file.compression != "none"
    start = position = stored = line_start = 0
    line = next_line = 1
    tail = b""
    kept: list[bytes] = []

    def piece(stop: int) -> tuple[Piece, int, int]:
        data = b"".join(kept) if inline else None
        consumed = stream.position if inline else stop
        return Piece(file, start, stop, line, data), stop - start, consumed - stored

    for block in stream.blocks():
        while block:
            end = _boundary_end(boundary, tail, block, max(0, start + target - position))
            part = block if end is None else block[:end]
            kept.extend([part] if inline else [])
            last = part.rfind(b"\n")
            line_start = position + last + 1 if last >= 0 else line_start
            position += len(part)
            next_line += part.count(b"\n")
            tail = (tail + part)[-_OVERLAP:]
            block = b"" if end is None else block[end:]
            if end is not None:
                made = piece(position)
                yield made
                stored += made[2]
                start, line, tail = position, next_line, b""
                kept.clear()
            elif position - line_start > file.max_line_bytes:
                raise line_too_long(file.path, next_line, file.max_line_bytes)
            elif boundary is _BLANK_LINE and position - start > MAX_DOCUMENT_BYTES + target:
                raise document_too_long(file.path, line)
    if position > start:
        yield piece(position)


def _boundary_end(boundary: re.Pattern[bytes], tail: bytes, block: bytes, earliest: int) -> int | None:
    """Where in ``block`` the first boundary ends that ends at ``earliest`` or later."""
    if earliest >= len(block):
        return None
    back = max(0, earliest - _OVERLAP)
    window = tail + block if back == 0 else block[back:]
    shift = len(tail) if back == 0 else -back
    for match in boundary.finditer(window):
        end = match.end() - shift
        if end >= earliest and end > 0:
            return end
    return None


def _row_groups(file: CorpusFile, target: int) -> Iterator[tuple[Piece, int, int]]:
    with open_table(file.path) as table:
        groups = [table.metadata.row_group(group) for group in range(table.metadata.num_row_groups)]
        sizes = [group.total_byte_size for group in groups]
        rows = [group.num_rows for group in groups]
    start = size = 0
    for group, bytes_of_group in enumerate(sizes):
        size += bytes_of_group
        if size >= target or group == len(sizes) - 1:
            stored = file.stored_bytes * (group + 1) // len(sizes) - file.stored_bytes * start // len(sizes)
            yield Piece(file, start, group + 1, 1 + sum(rows[:start])), size, stored
            start, size = group + 1, 0


def _documents(piece: Piece) -> Iterator[Document]:
    file = piece.file
    text_field, max_line_bytes = file.text_field, file.max_line_bytes
    _refuse_changed(file)
    if file.format == "parquet":
        yield from documents_of_parquet(file.path, range(piece.start, piece.stop or 0), text_field)
        return
    lines: Lines = decoded_lines(
        file.path, _blocks(piece), line=piece.line, offset=piece.start, max_line_bytes=max_line_bytes
    )
    if file.format == "jsonl":
        yield from documents_of_jsonl(file.path, lines, text_field, max_line_bytes)
    elif file.format == "csv":
        yield from documents_of_csv(file.path, lines, text_field, max_line_bytes)
    elif file.format == "tsv":
        yield from documents_of_tsv(file.path, lines, text_field)
    else:
        yield from documents_of_text(file.path, lines)


def _blocks(piece: Piece) -> Iterator[bytes]:
    if piece.data is not None:
        yield piece.data
    else:
        yield from ByteStream(piece.file.path, piece.file.compression).blocks(piece.start, piece.stop)


def _refuse_changed(file: CorpusFile) -> None:
    with reading(file.path):
        status = file.path.stat()
    if (status.st_size, status.st_mtime_ns) != (file.stored_bytes, file.modified_ns):
        raise RunError(f"{shown_path(file.path)}: changed while it was read (start again)")
