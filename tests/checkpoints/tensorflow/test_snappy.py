"""Snappy: streams written by hand, by chance and by the library, and what is none."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.checkpoints.tensorflow.snappy import decompress
from bertwright.checkpoints.tensorflow.wire import varint
from bertwright.errors import ModelError

PATH = Path("x.index")
LIMIT = 1 << 20


def opened(stream: bytes, limit: int = LIMIT) -> bytes:
    return decompress(stream, limit, PATH)


def literal(data: bytes, width: int = 0) -> bytes:
    """A literal whose length stands in the tag (``width`` 0) or in so many bytes after it."""
    if width == 0:
        return bytes([len(data) - 1 << 2]) + data
    return bytes([59 + width << 2]) + (len(data) - 1).to_bytes(width, "little") + data


def copied(back: int, length: int, width: int) -> bytes:
    """A copy whose place takes ``width`` bytes: 1 for a near one (4 to 11 bytes), else 2 or 4."""
    if width == 1:
        return bytes([back >> 8 << 5 | length - 4 << 2 | 1, back & 0xFF])
    return bytes([length - 1 << 2 | (2 if width == 2 else 3)]) + back.to_bytes(width, "little")


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        ("00", b""),
        ("0100" + "61", b"a"),
        ("0408" + "616263" + "0064", b"abcd"),
        ("0a" + "0061" + "1501", b"a" * 10),  # copy of nine bytes from one back: 0b101_01, 1
        ("09" + "08616263" + "1603" + "00", b"abcabcabc"),  # six bytes from three back, two bytes of place
        ("09" + "08616263" + "1703000000", b"abcabcabc"),
        ("05" + "f004" + "6162636465", b"abcde"),  # 60: the length less one in one byte
    ],
)
def test_by_hand(stream: str, data: bytes) -> None:
    assert opened(bytes.fromhex(stream)) == data


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=80), st.integers(0, 4))))
def test_literals_of_every_width(pieces: list[tuple[bytes, int]]) -> None:
    data = b"".join(piece for piece, _ in pieces)
    stream = b"".join(literal(piece, width or len(piece) > 60) for piece, width in pieces)
    assert opened(varint(len(data)) + stream) == data


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A stream of literals and copies of every kind, and what it means by the definition, byte after byte."""
    data = bytearray(draw(st.binary(min_size=1, max_size=60)))
    stream = literal(bytes(data))
    for _ in range(draw(st.integers(0, 20))):
        width = draw(st.sampled_from([0, 1, 2, 4]))
        if width == 0:
            piece = draw(st.binary(min_size=1, max_size=60))
            stream += literal(piece)
            data += piece
            continue
        back = draw(st.integers(1, min(len(data), 2047 if width == 1 else 65535)))
        length = draw(st.integers(4, 11) if width == 1 else st.integers(1, 64))
        stream += copied(back, length, width)
        for _ in range(length):
            data.append(data[-back])
    return varint(len(data)) + stream, bytes(data)


@given(streams())
def test_copies_by_the_definition(pair: tuple[bytes, bytes]) -> None:
    stream, data = pair
    assert opened(stream) == data
    assert pyarrow.decompress(stream, len(data), "snappy", asbytes=True) == data


@given(st.lists(st.sampled_from([b"bert/", b"encoder/", b"layer_1", b"\0", b"x" * 70]), max_size=400))
def test_what_the_library_compresses(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    assert opened(pyarrow.compress(data, "snappy", asbytes=True)) == data


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("", "1 more bytes"),
        ("05", 'a block of 5 bytes, compressed, got "0"'),
        ("02" + "0061", "a block of 2 bytes"),
        ("01" + "046162", 'a block of 1 bytes, compressed, got "more"'),
        ("05" + "0861", "3 more bytes"),
        ("05" + "fc" + "ffffffff" + "61", "4,294,967,296 more bytes"),
        ("0a" + "0061" + "1500", "copies from inside the block"),
        ("0a" + "0061" + "1502", "copies from inside the block"),
        ("0a" + "1501", "copies from inside the block"),
        ("0a" + "0061" + "15", "1 more bytes"),
        ("ffffffff0f" + "0061", "a block of at most 1,048,576 bytes"),
        ("ff" * 12, "at most 64 bits"),
    ],
)
def test_what_is_none(stream: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        opened(bytes.fromhex(stream))


def test_a_bomb_takes_no_more_than_the_limit() -> None:
    """Copies of 64 bytes grow a stream 21-fold; what goes beyond its announced length ends it."""
    stream = literal(b"a") + copied(1, 64, 2) * (1 << 20)
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(ModelError, match="a block of 1,048,576 bytes"):
        opened(varint(LIMIT) + stream)
    assert time.process_time() - start < 2
    assert tracemalloc.get_traced_memory()[1] < 4 * len(stream)
    tracemalloc.stop()
