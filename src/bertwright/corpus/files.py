"""Finding and checking the files of a corpus, before anything is read from them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bertwright.corpus.formats import (
    HEAD_BYTES,
    Compression,
    Format,
    compression_of,
    format_of,
    looks_like_json,
    refuse_binary,
)
from bertwright.corpus.lines import MAX_LINE_BYTES
from bertwright.corpus.streams import read_head
from bertwright.errors import CorpusError, listed, shown_path

_COMPRESSED_GROWTH = (
    4  # text shrinks to about a quarter: the size of a compressed file's text, before it is read
)


@dataclass(frozen=True)
class CorpusFile:
    """A file that was found: what its first bytes say about it, and how it is to be read."""

    path: Path
    format: Format
    compression: Compression
    stored_bytes: int
    modified_ns: int
    text_field: str
    """Column or key of the text, in formats with one."""
    max_line_bytes: int
    """Longer lines are refused."""

    @property
    def text_bytes(self) -> int:
        """About as many bytes of text as will come out of it."""
        return self.stored_bytes * (1 if self.compression == "none" else _COMPRESSED_GROWTH)


@dataclass(frozen=True)
class Corpus:
    """Checked files in the order given; directories are walked in the order of their names."""

    files: tuple[CorpusFile, ...]
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its first file and the number of the others, for a message."""
        more = f" and {len(self.files) - 1:,} more" if len(self.files) > 1 else ""
        return f"{shown_path(self.files[0].path)}{more}"

    @property
    def stored_bytes(self) -> int:
        """Bytes of all files as they are stored."""
        return sum(file.stored_bytes for file in self.files)

    @property
    def text_bytes(self) -> int:
        """About as many bytes of text as will come out of all files."""
        return sum(file.text_bytes for file in self.files)


def find_corpus(
    paths: Sequence[str | Path],
    *,
    format: str = "auto",
    text_field: str = "text",
    max_line_bytes: int = MAX_LINE_BYTES,
    output: Path | None = None,
    apart_from: Corpus | None = None,
) -> Corpus:
    """Find the files of a corpus and look at the first bytes of each. How they are to be read is decided
    here once, and goes with them to whoever reads them.

    Args:
        paths: files, and directories that are walked (hidden names are passed over).
        format: one of :data:`bertwright.corpus.formats.Format`.
        text_field: the column, or key, that holds the text.
        max_line_bytes: longer lines are refused.
        output: what will be written; it must not lie inside an input directory.
        apart_from: another corpus, with which this one must share no file.

    Raises:
        CorpusError: nothing there, a dangling link, unreadable, the same file twice, not text, nothing but
            empty files, or ``output`` inside the input.
    """
    if not paths:
        raise CorpusError("expected at least one corpus file or directory, got none")
    found: list[CorpusFile] = []
    empty: list[Path] = []
    json_like: list[Path] = []
    seen: dict[tuple[int, int], Path] = {}
    for other in apart_from.files if apart_from else ():
        _refuse_twice(other.path, _status(other.path), seen)
    for path in _walk(paths, output):
        status = _status(path)
        _refuse_twice(path, status, seen)
        file, head = _inspect(path, status, format, text_field, max_line_bytes)
        if not head:
            empty.append(path)
            continue
        found.append(file)
        if file.format == "text" and looks_like_json(head):
            json_like.append(path)
    if not found:
        where = shown_path(empty[0]) if empty else ", ".join(shown_path(path) for path in paths[:3])
        raise CorpusError(f"{where}: expected text, got {'only empty files' if empty else 'no files'}")
    warnings = [
        _summary("empty", empty),
        _summary("lines look like JSON (--format jsonl reads them)", json_like),
    ]
    return Corpus(tuple(found), tuple(filter(None, warnings)))


def _walk(paths: Sequence[str | Path], output: Path | None) -> Iterator[Path]:
    for given in paths:
        path = Path(given)
        if "\0" in str(path):
            raise CorpusError(f"{shown_path(path)}: a path cannot contain a NUL character")
        if os.path.isdir(path):  # unlike Path.is_dir, false for whatever cannot be looked at
            _refuse_inside(path, output)
            yield from _files_below(path, {})
        else:
            yield path


def _files_below(folder: Path, seen: dict[tuple[int, int], Path]) -> Iterator[Path]:
    try:
        _refuse_twice(folder, folder.stat(), seen)
        names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as problem:
        raise CorpusError.at(folder, "a readable directory", hint=problem.strerror) from None
    for name in names:
        path = folder / name
        if os.path.isdir(path):
            yield from _files_below(path, seen)
        else:
            yield path


def _status(path: Path) -> os.stat_result:
    try:
        status = path.stat()
    except FileNotFoundError:
        found = "a link that leads nowhere" if path.is_symlink() else "nothing there"
        raise CorpusError(f"{shown_path(path)}: expected a corpus file, got {found}") from None
    except OSError as problem:  # a loop of links, a folder that may not be entered, a name that is too long
        raise CorpusError.at(path, "a readable file", hint=problem.strerror) from None
    if not stat.S_ISREG(status.st_mode):
        raise CorpusError(f"{shown_path(path)}: expected a regular file, got a device, pipe or socket")
    return status


def _inspect(
    path: Path, status: os.stat_result, format: str, text_field: str, max_line_bytes: int
) -> tuple[CorpusFile, bytes]:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as problem:
        raise CorpusError.at(path, "a readable file", hint=problem.strerror) from None
    compression = compression_of(path, head)
    kind = format_of(path, format)
    if compression != "none":
        if kind == "parquet":
            raise CorpusError.at(
                path, "a Parquet file", hint="it is compressed from outside: decompress it first"
            )
        head = read_head(path, compression, HEAD_BYTES)
    if head:
        refuse_binary(path, head, kind)
    size, modified = status.st_size, status.st_mtime_ns
    return CorpusFile(path, kind, compression, size, modified, text_field, max_line_bytes), head


def _refuse_twice(path: Path, status: os.stat_result, seen: dict[tuple[int, int], Path]) -> None:
    first = seen.setdefault((status.st_dev, status.st_ino), path)
    if first is not path:
        kind = "directory" if stat.S_ISDIR(status.st_mode) else "file"
        raise CorpusError(f"{shown_path(path)}: expected each {kind} once, got {shown_path(first)} again")


def _refuse_inside(folder: Path, output: Path | None) -> None:
    if output is None:
        return
    inner, outer = Path(os.path.realpath(output)), Path(os.path.realpath(folder))
    if inner == outer or outer in inner.parents:
        raise CorpusError(
            f"{shown_path(output)}: expected an output outside the input, got it inside {shown_path(folder)}"
        )


def _summary(what: str, paths: list[Path]) -> str:
    if not paths:
        return ""
    shown = listed([shown_path(path) for path in paths], 3)
    return f"{len(paths):,} {'file' if len(paths) == 1 else 'files'}: {what}: {shown}"
