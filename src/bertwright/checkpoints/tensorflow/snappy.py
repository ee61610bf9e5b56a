"""Snappy, the compression of LevelDB's blocks: opened here, never written.

A compressed block begins with its length when open, as a varint. Then come literals (bytes as they are) and
copies (so many bytes again from so far back), told apart by the two lowest bits of their first byte.

Source: snappy's ``format_description.txt``.
"""

from __future__ import annotations

from pathlib import Path

from bertwright.checkpoints.tensorflow.wire import Reader
from bertwright.errors import ModelError

_LITERAL, _NEAR, _FAR = 0, 1, 2


def decompress(data: bytes, limit: int, path: Path) -> bytes:
    """What was compressed to ``data``.

    Args:
        limit: the most bytes it may be.
        path: named in errors.

    Raises:
        ModelError: it would be longer than ``limit``, is cut, copies from before its start, or does not have
            the length that it announces.
    """
    reader = Reader(data, path)
    length = reader.varint()
    if length > limit:
        raise ModelError.at(path, f"a block of at most {limit:,} bytes", f"{length:,} of them, compressed")
    result = bytearray()
    while not reader.done():
        tag = reader.take(1)[0]
        if tag & 3 == _LITERAL:
            result += reader.take(_literal_length(tag >> 2, reader))
        else:
            _copy(result, *_copy_place(tag, reader), path)
        if len(result) > length:
            break
    if len(result) != length:
        got = "more" if len(result) > length else f"{len(result):,}"
        raise ModelError.at(path, f"a block of {length:,} bytes, compressed", got, hint="damaged")
    return bytes(result)


def _literal_length(code: int, reader: Reader) -> int:
    """Up to 60 it is in the tag; above, 1 to 4 bytes follow. One less than the length is stored."""
    return (code if code < 60 else int.from_bytes(reader.take(code - 59), "little")) + 1


def _copy_place(tag: int, reader: Reader) -> tuple[int, int]:
    """How far back a copy begins, and how long it is."""
    if tag & 3 == _NEAR:
        return (tag >> 5 << 8) | reader.take(1)[0], (tag >> 2 & 7) + 4
    return int.from_bytes(reader.take(2 if tag & 3 == _FAR else 4), "little"), (tag >> 2) + 1


def _copy(result: bytearray, back: int, length: int, path: Path) -> None:
    """Append ``length`` bytes of ``result`` again, which may run into those just appended."""
    if not 0 < back <= len(result):
        raise ModelError.at(path, "copies from inside the block", f"{back:,} bytes back", hint="damaged")
    start = len(result) - back
    piece = bytes(result[start : start + length])
    result += (piece * (length // len(piece) + 1))[:length]
