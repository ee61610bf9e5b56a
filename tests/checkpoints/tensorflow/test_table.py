"""The sorted table: a small one byte by byte, any there and back, and each rule that a damaged one breaks."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bundles import block_of, table_of_blocks

from bertwright.checkpoints.tensorflow.checksum import masked_crc32c
from bertwright.checkpoints.tensorflow.table import TABLE_LIMIT, read_table, table_bytes
from bertwright.checkpoints.tensorflow.wire import varint
from bertwright.errors import ModelError

SHORT = st.binary(max_size=40)
PAIRS = [(b"", b"H"), (b"bert/a", b"12"), (b"bert/b", b""), (b"c", b"3")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("table") / "x.index"


def read(data: bytes, place: Path) -> list[tuple[bytes, bytes]]:
    place.write_bytes(data)
    return read_table(place)


def test_byte_by_byte(place: Path) -> None:
    def trailed(block: bytes) -> bytes:
        return block + b"\0" + masked_crc32c(block + b"\0").to_bytes(4, "little")

    block = (
        b"\x00\x00\x01" + b"H"  # shared 0, fresh 0, length 1: the empty key
        b"\x00\x06\x02" + b"bert/a12"
        b"\x05\x01\x00" + b"b"  # five bytes shared with the key before
        b"\x00\x01\x01" + b"c3"
        b"\x00\x00\x00\x00" + b"\x01\x00\x00\x00"  # one restart point, at 0
    )
    empty = b"\x00\x00\x00\x00" + b"\x01\x00\x00\x00"
    assert len(block) == 32
    index = b"\x00\x01\x02" + b"d" + b"\x00\x20" + empty  # "d" is short and not below "c"; 32 bytes from 0 on
    footer = b"\x25\x08" + b"\x32\x0e"  # the empty block of names at 37, the index at 50
    table = trailed(block) + trailed(empty) + trailed(index) + footer.ljust(40, b"\0")
    table += bytes.fromhex("57fb808b247547db")
    assert table_bytes(PAIRS) == table
    assert read(table, place) == PAIRS


@settings(deadline=None)
@given(
    st.dictionaries(st.binary(max_size=40), st.binary(max_size=40), max_size=60),
    st.sampled_from([1, 60, 999]),
)
def test_there_and_back(place: Path, items: dict[bytes, bytes], block_size: int) -> None:
    pairs = sorted(items.items())
    assert read(table_bytes(pairs, block_size), place) == pairs


@settings(deadline=None)
@given(st.lists(st.text("ab/", max_size=12).map(str.encode), unique=True), st.integers(1, 40))
def test_keys_that_share_much_in_small_blocks(place: Path, keys: list[bytes], block_size: int) -> None:
    pairs = [(key, key[::-1]) for key in sorted(keys)]
    assert read(table_bytes(pairs, block_size), place) == pairs


@settings(deadline=None)
@given(st.dictionaries(st.text("bert/_01", max_size=30).map(str.encode), st.binary(max_size=30), min_size=1))
def test_blocks_compressed_by_snappy(place: Path, items: dict[bytes, bytes]) -> None:
    pairs = sorted(items.items())
    half = len(pairs) // 2
    halves = [half_of for half_of in (pairs[:half], pairs[half:]) if half_of]
    blocks = [(part[-1][0], pyarrow.compress(block_of(part), "snappy", asbytes=True), 1) for part in halves]
    assert read(table_of_blocks(blocks), place) == pairs


def refused(data: bytes, message: str, place: Path) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        read(data, place)
    assert "\n" not in caught.value.message


def raw_block(*items: tuple[int, bytes, bytes], restarts: tuple[int, ...] = (0,)) -> bytes:
    """Entries as they shall stand: bytes shared, rest of the key, value."""
    body = b"".join(
        varint(shared) + varint(len(rest)) + varint(len(value)) + rest + value
        for shared, rest, value in items
    )
    return body + b"".join(number.to_bytes(4, "little") for number in (*restarts, len(restarts)))


A, B = (0, b"a", b"1"), (0, b"b", b"2")  # five bytes each


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([(b"z", raw_block(B, A), 0)], "keys in order, each once"),
        ([(b"z", raw_block(A, A), 0)], "keys in order, each once"),
        ([(b"z", raw_block((1, b"a", b"")), 0)], "extend the one before"),
        ([(b"z", raw_block(A, (2, b"a", b"")), 0)], "extend the one before"),
        ([(b"z", raw_block(A, B, restarts=()), 0)], "a block with its restart points"),
        ([(b"z", raw_block(A, B)[:-1] + b"\x7f", 0)], "a block with its restart points"),
        ([(b"z", b"\0\0\0", 0)], "a block with its restart points"),
        ([(b"z", raw_block(A, B, restarts=(5,)), 0)], "restart points in order, from 0"),
        ([(b"z", raw_block(A, B, restarts=(0, 0)), 0)], "restart points in order, from 0"),
        ([(b"z", raw_block(A, B, restarts=(0, 5, 2)), 0)], "restart points in order, from 0"),
        ([(b"z", raw_block(A, B, restarts=(0, 3)), 0)], "restart points where a key is whole"),
        ([(b"z", raw_block(A, (1, b"b", b""), restarts=(0, 5)), 0)], "restart points where a key is whole"),
        ([(b"z", raw_block(A, (0, b"b" * 300, b""))[:40], 0)], "restart points|more bytes"),
        ([(b"z", raw_block(), 0)], "block after block"),
        ([(b"a", raw_block(A, B), 0)], "block after block"),  # its key in the index is below its last
        ([(b"b", raw_block(A), 0), (b"z", raw_block(B), 0)], "block after block"),
        ([(b"a", raw_block(A), 0), (b"z", raw_block(A), 0)], "block after block"),
        ([(b"b", raw_block(B), 0), (b"z", raw_block(A), 0)], "block after block"),
        ([(b"z", raw_block(A), 2)], "compression 2"),
        ([(b"z", b"\xff\xff\xff\x7f", 1)], "at most [0-9,]+ bytes, got .268,435,455"),
        ([(b"z", varint(TABLE_LIMIT) + b"\0a", 1)], "a block of at most"),
    ],
)
def test_blocks_that_break_a_rule(blocks: list[tuple[bytes, bytes, int]], message: str, place: Path) -> None:
    refused(table_of_blocks(blocks), message, place)


def with_footer(change: Callable[[bytearray], None]) -> bytes:
    table = bytearray(table_bytes(PAIRS))
    change(table)
    return bytes(table)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, 0, "the next block at"),  # names: the data block again
        (1, 9, "blocks inside the file|fit their checksum"),
        (2, 37, "keys in order|the next block|fit their checksum"),  # index: the block of names
        (3, 127, "blocks inside the file"),
        (4, 1, "zeros after the two places"),
        (39, 1, "zeros after the two places"),
        (40, 0, "another format"),
        (47, 0, "another format"),
    ],
)
def test_footers_that_break_a_rule(at: int, value: int, message: str, place: Path) -> None:
    table = bytearray(table_bytes(PAIRS))
    assert table[len(table) - 48 + at] != value
    table[len(table) - 48 + at] = value
    refused(bytes(table), message, place)


def test_bytes_between_the_blocks(place: Path) -> None:
    """Nothing lies in a table that is not read: neither before its blocks nor after them."""
    table = table_bytes(PAIRS)
    refused(table[:-48] + b"\0" + table[-48:], "up to the footer", place)
    refused(b"\0" * 5 + table, "blocks inside|checksum", place)


def test_an_index_that_names_itself(place: Path) -> None:
    """The entry of the one block leads to the index block itself."""
    table = table_bytes([(b"a", b"")])
    data, footer = table[:-48], table[-48:]
    names, start = footer[0], footer[2]
    index = b"\0\x01\x02" + b"b" + bytes([start, footer[3]]) + b"\0\0\0\0\x01\0\0\0"
    assert len(index) == footer[3] and names < start
    checked = index + b"\0"
    damaged = data[:start] + checked + masked_crc32c(checked).to_bytes(4, "little") + footer
    refused(damaged, "the next block at 0", place)


def test_long_keys_that_share_all_but_a_byte_take_no_memory(place: Path) -> None:
    """Each of a hundred thousand keys would be a megabyte."""
    long = b"a" * 1_000_000
    entries = [(0, long, b""), *((len(long) + number, b"\1", b"") for number in range(100_000))]
    place.write_bytes(table_of_blocks([(b"z", raw_block(*entries), 0)]))
    start = time.process_time()
    tracemalloc.start()
    with pytest.raises(ModelError, match="keys of at most"):
        read_table(place)
    assert tracemalloc.get_traced_memory()[1] < 16 * len(long)
    tracemalloc.stop()
    assert time.process_time() - start < 2


def test_files_that_are_too_long_or_absent(place: Path, tmp_path: Path) -> None:
    refused(bytes(TABLE_LIMIT + 1), "at most 2,097,152 bytes", place)
    with pytest.raises(ModelError, match="the index of a TensorFlow checkpoint"):
        read_table(tmp_path / "absent.index")
    with pytest.raises(ModelError, match="the index of a TensorFlow checkpoint"):
        read_table(tmp_path)


def test_the_largest_index_is_read_in_seconds(place: Path) -> None:
    pairs = [(f"{number:06d}".encode(), b"\x08\x01\x12\x00") for number in range(240_000)]
    table = table_bytes(pairs)
    assert 0.9 * TABLE_LIMIT < len(table) < TABLE_LIMIT
    place.write_bytes(table)
    start = time.process_time()
    assert read_table(place) == pairs
    assert time.process_time() - start < 8
