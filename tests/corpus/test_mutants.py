"""Damaged files of every format: read, or refused with our error; never another error, never a hang."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from bertwright.corpus import read_documents
from bertwright.errors import CorpusError

TEXTS = ["One line.\nAnother, with a comma.", 'A "quoted" one.\n力加勝北区', "Naïve.\n\n\nLast."] * 30


def plain() -> bytes:
    return "\n\n".join(TEXTS).encode()


def json_lines() -> bytes:
    return "\n".join(
        json.dumps({"id": n, "text": text, "more": [1.5, None]}) for n, text in enumerate(TEXTS)
    ).encode()


def table(**options: str) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, **options)  # type: ignore[arg-type]
    writer.writerow(["id", "text"])
    writer.writerows(enumerate(TEXTS))
    return buffer.getvalue().encode()


def rows() -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"id": range(len(TEXTS)), "text": TEXTS}), buffer, row_group_size=20)
    return buffer.getvalue()


WHOLE: dict[str, Callable[[], bytes]] = {
    "x.txt": plain,
    "x.jsonl": json_lines,
    "x.csv": table,
    "x.tsv": lambda: plain().replace(b". ", b"\t").replace(b"One line", b"text"),
    "x.parquet": rows,
    "x.txt.gz": lambda: gzip.compress(plain()),
    "x.jsonl.xz": lambda: lzma.compress(json_lines()),
    "x.csv.zst": lambda: zstandard.compress(table()),
}


def mutant(data: bytes, chance: random.Random) -> bytes:
    bad = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(bad)) if bad else 0
        kind = chance.randrange(5)
        if kind == 0 and bad:
            bad[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del bad[at : at + chance.randrange(1, 40)]
        elif kind == 2:
            bad[at:at] = chance.choice(
                [b"\0", b"\xff", b'"', b"\r", b"\n", b"\\u", b"{", b"\xed\xa0\x80", b"9" * 5000]
            )
        elif kind == 3:
            bad[at:at] = bad[at // 2 : at]
        else:
            bad[at : at + 8] = chance.randbytes(8)
    return bytes(bad)


@pytest.mark.parametrize("count", [150, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", WHOLE)
def test_mutants(tmp_path: Path, name: str, count: int) -> None:
    chance = random.Random(f"{name} {count}")
    whole = WHOLE[name]()
    path = tmp_path / name
    refused = 0
    for _ in range(count):
        path.write_bytes(mutant(whole, chance))
        started = time.process_time()
        try:
            for document in read_documents(path):
                assert document.lines
                assert all(line and "\n" not in line for line in document.lines)
        except CorpusError as problem:
            assert name in problem.message
            assert problem.message.isprintable()
            refused += 1
        assert time.process_time() - started < 2
    assert refused > count // 10


def test_a_question_that_ends_the_process_is_not_asked(tmp_path: Path) -> None:
    """Histograms of a column that do not fit its schema are an abort in PyArrow for who asks for the column's
    metadata."""
    chance = random.Random("x.parquet 5000")
    path, whole = tmp_path / "x.parquet", WHOLE["x.parquet"]()
    mutants = [mutant(whole, chance) for _ in range(4000)]
    for number in (2263, 3449, 3903):
        path.write_bytes(mutants[number])
        with suppress(CorpusError):
            assert list(read_documents(path))
