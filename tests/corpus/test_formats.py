"""What the first bytes of a file say."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from bertwright.corpus import find_corpus, read_documents
from bertwright.errors import CorpusError

TEXT = b"One sentence.\n\nA second document.\n"


def zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.txt", TEXT)
    return buffer.getvalue()


def tar_bytes() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("x.txt")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT))
    return buffer.getvalue()


FOREIGN = {
    "zip": (zip_bytes(), "zip archive"),
    "tar": (tar_bytes(), "tar archive: extract it first"),
    "tar.gz": (gzip.compress(tar_bytes()), "tar archive"),
    "tar.xz": (lzma.compress(tar_bytes()), "tar archive"),
    "bz2": (bz2.compress(TEXT), "bzip2"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + b"\0" * 50, "7z archive"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
    "elf": (b"\x7fELF\x02\x01\x01" + b"\0" * 50, "ELF"),
    "parquet": (b"PAR1" + b"\0" * 50, "--format parquet"),
    "arrow": (b"ARROW1\0\0", "Arrow"),
    "sqlite": (b"SQLite format 3\0", "SQLite"),
    "doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office"),
    "png": (b"\x89PNG\r\n\x1a\n", "PNG"),
    "utf-16": ("Text.\n".encode("utf-16"), "iconv -f utf-16"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_text_is_named(tmp_path: Path, kind: str) -> None:
    data, hint = FOREIGN[kind]
    (tmp_path / "corpus.txt").write_bytes(data)
    with pytest.raises(CorpusError, match=hint) as caught:
        find_corpus([tmp_path / "corpus.txt"])
    assert len(caught.value.message) <= 300


def test_bytes_decide_over_the_name(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_bytes(gzip.compress(TEXT))
    assert [d.lines for d in read_documents(tmp_path / "plain.txt")] == [
        ("One sentence.",),
        ("A second document.",),
    ]
    for suffix in ("gz", "xz", "zst"):
        (tmp_path / f"x.{suffix}").write_bytes(TEXT)
        with pytest.raises(CorpusError, match="data, as the name says"):
            find_corpus([tmp_path / f"x.{suffix}"])


def test_an_unknown_format(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(TEXT)
    with pytest.raises(CorpusError, match="--format: expected one of auto, text"):
        find_corpus([tmp_path / "x.txt"], format="docx")


def test_parquet_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(TEXT)
    with pytest.raises(CorpusError, match="a Parquet file"):
        find_corpus([tmp_path / "x.parquet"])
    (tmp_path / "y.parquet").write_bytes(gzip.compress(b"PAR1"))
    with pytest.raises(CorpusError, match="compressed from outside"):
        find_corpus([tmp_path / "y.parquet"])
