"""Chunks: together they are the corpus, and where they are cut depends on the input alone."""

from __future__ import annotations

import gzip
import json
import lzma
import pickle
import random
import sys
import tracemalloc
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from bertwright.corpus import Document, chunks, find_corpus, read_chunk, read_documents, split_work
from bertwright.errors import CorpusError, RunError


def text_of(count: int, seed: int = 0) -> str:
    """``count`` documents of a few lines, with blank lines of every kind between them."""
    chance = random.Random(seed)
    parts = []
    for number in range(count):
        parts += [
            f"Document {number}, line {line}: {'x' * chance.randrange(200)}\n"
            for line in range(chance.randrange(1, 5))
        ]
        parts.append(chance.choice(["\n", "\r\n", "\n\n", " \t\n", "\n\u3000\n"]))
    return "".join(parts)


def chunked(path: Path, target: int, **options: str) -> list[list[Document]]:
    chunks = list(split_work(find_corpus([path]), target, **options))  # type: ignore[arg-type]
    assert sum(chunk.stored_bytes for chunk in chunks) == find_corpus([path]).stored_bytes
    return [list(read_chunk(pickle.loads(pickle.dumps(chunk)))) for chunk in chunks]


@pytest.mark.parametrize(
    "compress", [None, gzip.compress, lambda data: lzma.compress(data, preset=0), zstandard.compress]
)
def test_chunks_are_the_corpus_and_keep_line_numbers(tmp_path: Path, compress) -> None:  # type: ignore[no-untyped-def]
    data = text_of(2000).encode()
    plain = tmp_path / "plain"
    plain.write_bytes(data)
    whole = list(read_documents(plain))
    assert len(whole) == 2000
    path = tmp_path / "x"
    path.write_bytes(compress(data) if compress else data)
    parts = chunked(path, 20_000)
    assert len(parts) > 10
    assert [(d.lines, d.line) for part in parts for d in part] == [(d.lines, d.line) for d in whole]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab \t\r\n")), st.integers(1, 60))
def test_any_text_at_any_size(tmp_path: Path, text: str, target: int) -> None:
    path = tmp_path / "x"
    path.write_text("start\n" + text, newline="")
    whole = [(d.lines, d.line) for d in read_documents(path)]
    assert [(d.lines, d.line) for part in chunked(path, target) for d in part] == whole
    by_line = [line for part in chunked(path, target, at="line") for d in part for line in d.lines]
    assert by_line == [line for lines, _ in whole for line in lines]


@pytest.mark.parametrize(
    "blank", [c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace() and c != "\n"], ids=ascii
)
def test_lines_of_white_space_part_documents_where_a_file_is_cut(tmp_path: Path, blank: str) -> None:
    path = tmp_path / "x"
    path.write_text("".join(f"one\ntwo {n}\n{blank * (n % 4)} {blank}\n" for n in range(20)), newline="")
    whole = [(d.lines, d.line) for d in read_documents(path)]
    parts = chunked(path, 7)
    assert len(parts) == len(whole) == 20
    assert [(d.lines, d.line) for part in parts for d in part] == whole


def test_a_long_line_of_white_space_is_not_kept_for_a_second_try(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("one\n" + "\u3000\x0c" * 500_000 + "\ntwo\n\nthree\n", newline="")
    assert [[d.lines for d in part] for part in chunked(path, 4)][-1] == [("three",)]


def test_boundaries_across_blocks(tmp_path: Path) -> None:
    """A blank line that begins in one block of 1 MiB and ends in the next."""
    path = tmp_path / "x"
    for shift in range(6):
        path.write_bytes(b"a" * ((1 << 20) - 3 + shift) + b"\r\n \r\nsecond\n\nthird\n")
        assert [len(part) for part in chunked(path, 7)] == [1, 1, 1]


def test_small_files_are_put_together(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number:03d}.txt").write_text(f"Text {number}.\n")
    chunks = list(split_work(find_corpus([tmp_path]), 200))
    assert [len(chunk.pieces) for chunk in chunks[:2]] == [24, 23]
    assert len(chunks) == 5
    assert str(chunks[0]).endswith("000.txt from line 1 and 23 more files")
    assert [d.lines[0] for chunk in chunks for d in read_chunk(chunk)] == [f"Text {n}." for n in range(100)]


def test_jsonl_is_cut_at_lines_and_parquet_at_row_groups(tmp_path: Path) -> None:
    texts = [f"Document {number}.\n\nEnd." for number in range(1000)]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    parts = chunked(path, 1000)
    assert len(parts) > 20
    assert [d.line for part in parts for d in part] == list(range(1, 1001))
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"text": texts}), path, row_group_size=100, compression="none")
    parts = chunked(path, 5000)
    assert [len(part) for part in parts] == [300, 300, 300, 100]
    assert [d.line for part in parts for d in part] == list(range(1, 1001))


def test_errors_in_later_chunks_name_the_true_line(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"line\n\n" * 1000 + b"bad \xff\n")
    chunks = list(split_work(find_corpus([path]), 500))
    with pytest.raises(
        CorpusError, match=r"x:2001: expected text in UTF-8, got byte 0xff at byte offset 6,004"
    ):
        list(read_chunk(chunks[-1]))


def test_a_long_line_is_refused_while_cutting(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"short\n" + random.Random(0).randbytes(3 << 20).hex().encode()))
    with pytest.raises(CorpusError, match=r"x\.gz:2: expected lines of at most 1,000,000 bytes"):
        list(split_work(find_corpus([path], max_line_bytes=1_000_000), 1000))


def test_a_line_as_long_as_was_asked_for_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"short\n\n" + b"x" * (18 << 20))
    assert [len(d.lines[0]) for d in read_documents(path, max_line_bytes=64 << 20)] == [5, 18 << 20]
    with pytest.raises(CorpusError, match="expected lines of at most 16,777,216 bytes"):
        list(read_documents(path))


def test_how_a_file_is_read_goes_with_its_chunks(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps({"body": f"Document {number}."}) + "\n" for number in range(9)))
    longest = len('{"body": "Document 0."}')
    corpus = find_corpus([path], text_field="body", max_line_bytes=longest)
    chunks = [pickle.loads(pickle.dumps(chunk)) for chunk in split_work(corpus, 50)]
    assert len(chunks) > 2
    found = [d.lines[0] for chunk in chunks for d in read_chunk(chunk)]
    assert found == [f"Document {number}." for number in range(9)]
    shorter = find_corpus([path], text_field="body", max_line_bytes=longest - 1)
    with pytest.raises(CorpusError, match=f"at most {longest - 1} bytes"):
        list(read_chunk(next(split_work(shorter, 50))))


def test_files_that_change_or_vanish_fail_the_run(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("text\n")
    (chunk,) = split_work(find_corpus([path]), 1000)
    path.write_text("other text\n")
    with pytest.raises(RunError, match="changed while it was read"):
        list(read_chunk(chunk))
    path.unlink()
    with pytest.raises(RunError, match="vanished"):
        list(read_chunk(chunk))


@pytest.mark.parametrize(("name", "at"), [("x.jsonl", "document"), ("x.txt", "line")])
def test_rows_and_lines_may_be_longer_than_a_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, at: Literal["document", "line"]
) -> None:
    """No blank line is missing where none is looked for: the limit is that of a line."""
    monkeypatch.setattr(chunks, "MAX_DOCUMENT_BYTES", 1 << 10)
    path = tmp_path / name
    path.write_text(f'{{"text": "{"x" * (5 << 20)}"}}\n' * 3)
    assert len(list(split_work(find_corpus([path]), 1 << 10, at=at))) == 3
    with pytest.raises(CorpusError, match=r":1: expected lines of at most 4,194,304 bytes"):
        list(split_work(find_corpus([path], max_line_bytes=4 << 20), 1 << 10, at=at))
    path = tmp_path / "y.txt"
    path.write_text("line\n" * (1 << 20))
    with pytest.raises(CorpusError, match=r"y\.txt:1: expected a blank line between documents"):
        list(split_work(find_corpus([path]), 1 << 10))


def test_memory_stays_bounded(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(text_of(100_000).encode()))
    tracemalloc.start()
    count = sum(1 for chunk in split_work(find_corpus([path]), 1 << 20) for _ in read_chunk(chunk))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 16 << 20
