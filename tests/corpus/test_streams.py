"""Compressed files: whole, in several members, cut short, damaged, bombs."""

from __future__ import annotations

import errno
import gzip
import lzma
import os
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from failing_file import FailingFile

from bertwright.corpus import streams
from bertwright.corpus.formats import Compression
from bertwright.corpus.parquet_text import open_table, texts_of
from bertwright.corpus.streams import ByteStream
from bertwright.errors import CorpusError, DiskError, RunError

COMPRESS: dict[Compression, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": zstandard.compress,
}
KINDS = list(COMPRESS)


def noise(count: int) -> bytes:
    return random.Random(0).randbytes(count).hex().encode()


def read(path: Path, kind: Compression) -> bytes:
    return b"".join(ByteStream(path, kind).blocks())


@pytest.mark.parametrize("kind", KINDS)
def test_what_went_in_comes_out(tmp_path: Path, kind: Compression) -> None:
    data, path = noise(700_000), tmp_path / "x"
    path.write_bytes(COMPRESS[kind](data))
    stream = ByteStream(path, kind)
    blocks = list(stream.blocks())
    assert b"".join(blocks) == data
    assert max(map(len, blocks)) <= 1 << 20
    assert stream.position == path.stat().st_size


@pytest.mark.parametrize("kind", KINDS)
def test_several_members_are_one_text(tmp_path: Path, kind: Compression) -> None:
    (tmp_path / "x").write_bytes(COMPRESS[kind](b"first\n") + COMPRESS[kind](b"second\n"))
    assert read(tmp_path / "x", kind) == b"first\nsecond\n"


@pytest.mark.parametrize("kind", KINDS)
def test_members_may_end_where_a_read_ends(
    tmp_path: Path, kind: Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = COMPRESS[kind](b"first\n"), COMPRESS[kind](b"second\n")
    padding = b"\0" * 8 if kind == "xz" else b""
    whole = first + padding + second
    for size in range(1, len(whole) + 1):
        monkeypatch.setattr(streams, "BLOCK_BYTES", size)
        (tmp_path / "x").write_bytes(whole)
        assert read(tmp_path / "x", kind) == b"first\nsecond\n", size
        if kind == "xz":
            (tmp_path / "x").write_bytes(first + second)
            assert read(tmp_path / "x", kind) == b"first\nsecond\n", size
            (tmp_path / "x").write_bytes(first + b"garbage")
            with pytest.raises(CorpusError, match=r"damaged|cut short"):
                read(tmp_path / "x", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_short_names_the_byte(tmp_path: Path, kind: Compression) -> None:
    whole = COMPRESS[kind](noise(50_000))
    for cut in (1, 8, len(whole) // 2, len(whole) - 20):
        (tmp_path / "x").write_bytes(whole[: len(whole) - cut])
        with pytest.raises(CorpusError, match=rf"cut short at byte {len(whole) - cut:,}"):
            read(tmp_path / "x", kind)


@pytest.mark.parametrize("kind", ["gzip", "xz"])
def test_a_flipped_bit_is_noticed(tmp_path: Path, kind: Compression) -> None:
    whole = bytearray(COMPRESS[kind](noise(50_000)))
    whole[len(whole) // 2] ^= 4
    (tmp_path / "x").write_bytes(whole)
    with pytest.raises(CorpusError, match=r"damaged near byte|cut short"):
        read(tmp_path / "x", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_an_archive_is_refused(tmp_path: Path, kind: Compression) -> None:
    (tmp_path / "x").write_bytes(COMPRESS[kind](b"text\n") + b"garbage that is no archive")
    with pytest.raises(CorpusError, match=r"damaged|cut short"):
        read(tmp_path / "x", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_stops_early(tmp_path: Path, kind: Compression) -> None:
    (tmp_path / "x").write_bytes(COMPRESS[kind](b"a line of text\n" * (100 << 20 >> 4)))
    assert (tmp_path / "x").stat().st_size < 400_000
    got = 0
    with pytest.raises(CorpusError, match="grows at most 200-fold"):
        for block in ByteStream(tmp_path / "x", kind).blocks():
            got += len(block)
    assert got <= 66 << 20


def test_what_vanished_since_it_was_found_fails_the_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="vanished"):
        read(tmp_path / "gone", "none")


@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_a_disk_that_fails_is_not_the_fault_of_the_text(
    tmp_path: Path, kind: Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(COMPRESS.get(kind, bytes)(noise(4 << 20)))
    monkeypatch.setattr(Path, "open", lambda path, mode: FailingFile(path, mode))
    with pytest.raises(DiskError, match=r"/x: cannot read: EIO Input/output error$") as caught:
        read(tmp_path / "x", kind)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("count", range(1, 7))
def test_a_disk_that_fails_is_not_the_fault_of_a_table(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(pa.table({"text": ["text"] * 100}), tmp_path / "x", row_group_size=20)
    monkeypatch.setattr(Path, "open", lambda path, mode: FailingFile(path, mode))
    monkeypatch.setattr(FailingFile, "left", count - 1)
    with pytest.raises(DiskError, match=r"/x: cannot read: EIO"), open_table(tmp_path / "x") as table:
        list(texts_of(tmp_path / "x", table, range(5), "text"))


def test_what_cannot_be_opened_has_not_vanished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DiskError, match="cannot read: EMFILE"):
        read(tmp_path / "x", "none")
