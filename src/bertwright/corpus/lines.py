r"""Blocks of bytes -> checked lines of text. Only ``\n`` and ``\r\n`` end a line.

U+2028, U+0085, a vertical tab and their like stay inside their line: ``str.splitlines`` would break there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bertwright.errors import CorpusError, shown_path

MAX_LINE_BYTES = 16 << 20
_BOM = b"\xef\xbb\xbf"


def decoded_lines(
    path: Path,
    blocks: Iterable[bytes],
    *,
    line: int = 1,
    offset: int = 0,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[tuple[int, list[str]]]:
    """Lines of ``blocks`` in groups: ``(number of the first line, lines without their ends)``.

    Args:
        path: for messages.
        line: number of the first line, from 1.
        offset: byte offset of the first block in the (decompressed) file; at 0 a byte order mark is dropped.
        max_line_bytes: longer lines are refused before they fill the memory.

    Raises:
        CorpusError: bytes that are not UTF-8 (with line and byte offset), a NUL, a line that is too long.
    """
    rest: list[bytes] = []
    held = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            whole = b"".join([*rest, block[:end]])
            if len(whole) > max_line_bytes:
                _check_lengths(path, whole, line, max_line_bytes)
            lines = _decoded(path, whole, line, offset)
            yield line, lines
            line, offset = line + len(lines), offset + len(whole)
            rest, held = [], 0
        rest.append(block[end:])
        held += len(rest[-1])
        if held > max_line_bytes:
            raise line_too_long(path, line, max_line_bytes)
    last = b"".join(rest)
    if last:
        yield line, _decoded(path, last + b"\n", line, offset)


def _decoded(path: Path, whole: bytes, line: int, offset: int) -> list[str]:
    if offset == 0 and whole.startswith(_BOM):
        whole, offset = whole[len(_BOM) :], len(_BOM)
    try:
        text = whole.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise _not_utf8(path, whole, problem.start, line, offset) from None
    nul = whole.find(b"\0")
    if nul >= 0:
        number = line + whole.count(b"\n", 0, nul)
        where = f"{shown_path(path)}:{number}"
        raise CorpusError(
            f"{where}: expected text without NUL bytes, got one at byte offset {offset + nul:,} (binary?)"
        )
    lines = text.split("\n")
    lines.pop()  # what follows the last line end
    if "\r" in text:
        lines = [text.removesuffix("\r") for text in lines]
    return lines


def _not_utf8(path: Path, whole: bytes, at: int, line: int, offset: int) -> CorpusError:
    number = line + whole.count(b"\n", 0, at)
    found = f"byte 0x{whole[at]:02x} at byte offset {offset + at:,}"
    return CorpusError(f"{shown_path(path)}:{number}: expected text in UTF-8, got {found}{_hint(whole, at)}")


def _hint(whole: bytes, at: int) -> str:
    byte, after = whole[at], whole[at + 1 : at + 2]
    if byte == 0xED and after >= b"\xa0":
        return " (an encoded surrogate: the file was written by a faulty converter)"
    if byte >= 0x80 and (not after or after < b"\x80"):
        return " (is it Latin-1? convert it with iconv -f latin1 -t utf-8)"
    return ""


def _check_lengths(path: Path, whole: bytes, line: int, max_line_bytes: int) -> None:
    for number, text in enumerate(whole.split(b"\n"), line):
        if len(text) > max_line_bytes:
            raise line_too_long(path, number, max_line_bytes)


def line_too_long(path: Path, line: int, max_line_bytes: int) -> CorpusError:
    """The error about a line of more than ``max_line_bytes``."""
    where = f"{shown_path(path)}:{line}"
    return CorpusError(
        f"{where}: expected lines of at most {max_line_bytes:,} bytes, got a longer one (--max-line-bytes)"
    )
