"""The lines of a text file: strict UTF-8, ended by ``\\n`` or ``\\r\\n`` only, hostile sizes refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.corpus.formats import HEAD_BYTES, compression_of, refuse_binary
from bertwright.corpus.streams import ByteStream, read_head
from bertwright.errors import CorpusError, InputError, TableError

MAX_LINE_BYTES = 16 << 20
MAX_JSON_BYTES = 1 << 30
"""Of a file that is one JSON value; published ones have up to 45 MB. It is held in memory as a whole."""
JSON_LINES_HINT = "one question a line is JSON lines: name the file .jsonl, or give --format jsonl"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every line of ``path``, without its line end.

    Files compressed with gzip, xz or Zstandard are unpacked while reading. A UTF-8 byte order mark is
    dropped.

    Raises:
        TableError: the file is missing, a directory, unreadable, binary, damaged, not UTF-8, has a NUL, a
            line above 16 MiB, or lines that end with a lone CR.
    """
    for number, line in read_any_lines(path):
        if isinstance(line, InputError):
            raise line
        yield number, line


def read_any_lines(path: Path) -> Iterator[tuple[int, str | InputError]]:
    """As :func:`read_lines`; in the place of a line that is no text stands what is wrong with it.

    Raises:
        TableError: the file as a whole is unreadable, binary or damaged, or has a line above 16 MiB or
            lines that end with a lone CR.
    """
    try:
        for number, raw in enumerate(_split(path, _with_line_feeds(path, _checked_blocks(path))), 1):
            try:
                line: str | InputError = _decode(path, number, raw)
            except TableError as problem:
                line = problem
            yield number, line
    except CorpusError as problem:
        raise TableError(str(problem)) from None


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """All of a text file that is read as a whole, decompressed.

    Raises:
        TableError: as :func:`read_lines`, or it has more than ``max_bytes``.
    """
    blocks: list[bytes] = []
    size = 0
    try:
        for block in _checked_blocks(path):
            blocks.append(block)
            size += len(block)
            if size > max_bytes:
                raise TableError.at(path, f"at most {max_bytes:,} bytes", "a larger file")
    except CorpusError as problem:
        raise TableError(str(problem)) from None
    return b"".join(blocks)


def read_json(path: Path) -> Any:
    """The value of a file of questions that is one JSON value, decompressed.

    Half of a surrogate pair is left to the reader, who can name the question that has it.

    Raises:
        TableError: as :func:`read_lines`, or it is no JSON; JSON lines are told by their name.
    """
    data = read_bytes(path, MAX_JSON_BYTES).removeprefix(_BYTE_ORDER_MARK)
    try:
        return strict_json.parse(data, path, error=TableError, max_bytes=MAX_JSON_BYTES)
    except TableError as problem:
        if "Extra data" in str(problem):
            raise TableError(f"{problem} ({JSON_LINES_HINT})") from None
        raise


def is_blank(line: str) -> bool:
    """Whether a line has nothing but white space."""
    return not line or line.isspace()


def check_file(path: Path) -> None:
    """Refuse a path that is no readable, non-empty file.

    Raises:
        TableError: saying what stands there instead.
    """
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except FileNotFoundError:
        raise TableError.at(path, "a file of rows", "nothing there") from None
    except IsADirectoryError:
        raise TableError.at(path, "a file of rows", "a directory") from None
    except (OSError, ValueError) as problem:
        raise TableError.at(
            path, "a readable file", getattr(problem, "strerror", None) or str(problem)
        ) from None
    if not first:
        raise TableError.at(path, "a file of rows", "an empty file")


def _checked_blocks(path: Path) -> Iterator[bytes]:
    check_file(path)
    compression = compression_of(path, read_head(path, "none", HEAD_BYTES))
    refuse_binary(path, read_head(path, compression, HEAD_BYTES), "text")
    yield from ByteStream(path, compression).blocks()


def _with_line_feeds(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """``blocks``, unless they are one line only because another program ended all lines with a lone CR."""
    fed = inside = at_end = False
    for block in blocks:
        if not fed:
            fed = b"\n" in block
            inside = inside or at_end or b"\r" in block[:-1]
            at_end = block.endswith(b"\r")
        yield block
    if inside and not fed:
        hint = r"convert them: tr '\r' '\n'"
        raise TableError.at(path, "lines that end with LF or CRLF", "a lone CR", line=1, hint=hint)


def _split(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The lines in ``blocks``; what is cut at the end of a block is joined with the next one."""
    number = 1
    pending: list[bytes] = []
    pending_bytes = 0
    first = True
    for block in blocks:
        lines = (block.removeprefix(_BYTE_ORDER_MARK) if first else block).split(b"\n")
        first = False
        pending.append(lines[0])
        pending_bytes += len(lines[0])
        if pending_bytes > MAX_LINE_BYTES:
            raise TableError.at(
                path, f"a line of at most {MAX_LINE_BYTES:,} bytes", "a longer one", line=number
            )
        if len(lines) == 1:
            continue
        yield b"".join(pending)
        yield from lines[1:-1]
        number += len(lines) - 1
        pending, pending_bytes = [lines[-1]], len(lines[-1])
    if pending_bytes:
        yield b"".join(pending)


def _decode(path: Path, number: int, raw: bytes) -> str:
    if (nul := raw.find(b"\0")) >= 0:
        raise TableError.at(path, "text", f"a NUL at byte {nul + 1} of the line", line=number)
    try:
        return raw.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as problem:
        got = f"byte 0x{raw[problem.start]:02x} at byte {problem.start + 1} of the line"
        raise TableError.at(path, "UTF-8 text", got, line=number) from None
