"""What preparation refuses, in one line and with nothing left behind; and what it only tells."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from small_corpora import TEXT, random_text, tree, write

from bertwright.data.prepare import prepare
from bertwright.errors import (
    BertwrightError,
    CorpusError,
    OutputBusyError,
    OutputExistsError,
    ResumeError,
    UsageError,
    VocabularyError,
)


def refused(
    tmp_path: Path,
    error: type[BertwrightError],
    match: str,
    corpus: list[Path],
    vocabulary: Path,
    **options: Any,
) -> None:
    before = tree(tmp_path)
    with pytest.raises(error, match=match) as caught:
        prepare(corpus, vocabulary=vocabulary, **{"output": tmp_path / "s", "workers": 1, **options})
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    assert len(caught.value.message) <= 300
    assert tree(tmp_path) == before
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


BAD_TEXT: dict[str, tuple[bytes, str]] = {
    "latin-1": (b"caf\xe9 noir\n", "Latin-1"),
    "nul": (b"a\0b\n", "NUL"),
    "surrogate": (b"\xed\xa0\x80\n", "surrogate"),
    "zip": (b"PK\x03\x04" + b"\0" * 30, "extract its text first"),
    "gzip cut short": (gzip.compress(random_text(20).encode())[:-9], "cut short"),
    "bomb": (gzip.compress((b" " * 1023 + b"\n") * (70 << 10), 9), "200-fold"),
    "nothing": (b"", "only empty files"),
    "blank": (b"\n \n\t\n", r"/x: expected text, got nothing but blank lines"),
}


@pytest.mark.parametrize("kind", BAD_TEXT)
def test_bad_text(tmp_path: Path, vocabulary: Path, kind: str) -> None:
    data, message = BAD_TEXT[kind]
    refused(tmp_path, CorpusError, message, [write(tmp_path / "x", data)], vocabulary)


def test_a_bad_line_far_behind_leaves_nothing(tmp_path: Path, vocabulary: Path, small_parts: None) -> None:
    data = random_text(300).encode() + b"\n\nbad \xff line\n"
    line = data.count(b"\n")
    for workers in (1, 2):
        refused(
            tmp_path,
            CorpusError,
            f"x:{line}: expected text in UTF-8",
            [write(tmp_path / "x", data)],
            vocabulary,
            workers=workers,
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"One. Two.\nThree.\n", "blank line between documents"),
        (b"One.\n\nTwo.\n\nThree.\n\n" * 4000, "blank lines between sentences"),
    ],
)
def test_the_parts_of_text_without_pairs_are_those_of_masked_lm(
    tmp_path: Path, vocabulary: Path, small_parts: None, text: bytes, message: str
) -> None:
    options: dict[str, Any] = {"vocabulary": vocabulary, "output": tmp_path / "s", "workers": 1}
    path = write(tmp_path / "x", text)
    with pytest.raises(CorpusError, match=message) as caught:
        prepare([path], **options)
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith(f"{path}: expected ")
    assert caught.value.message.endswith(", then repeat; or --mlm-only for masked LM alone)")
    assert len(caught.value.message) <= 300
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.partial", "x"]
    summary = prepare([path], masked_lm_only=True, **options)
    assert summary.reused_parts == summary.shards > 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s", "x"]


def test_mended_text_replaces_the_parts_of_text_without_pairs(
    tmp_path: Path, vocabulary: Path, small_parts: None
) -> None:
    options: dict[str, Any] = {"vocabulary": vocabulary, "output": tmp_path / "s", "workers": 1}
    path = write(tmp_path / "x", b"One. Two.\nThree.\n")
    with pytest.raises(CorpusError):
        prepare([path], **options)
    with pytest.raises(ResumeError, match="language: "):  # the same text: its parts may still be wanted
        prepare([path], one_sentence_per_line=True, **options)
    write(path, b"One. Two.\n\nThree.\nFour.\n")
    assert prepare([path], **options).counts.documents == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s", "x"]


def test_masked_lm_only_takes_single_documents(tmp_path: Path, vocabulary: Path) -> None:
    for text in ("One. Two.\n", "One.\n\nTwo.\n"):
        path = write(tmp_path / "x", text)
        summary = prepare(
            [path],
            vocabulary=vocabulary,
            output=tmp_path / "s",
            workers=1,
            masked_lm_only=True,
            overwrite=True,
        )
        assert summary.warnings == ()


def test_bad_requests(tmp_path: Path, vocabulary: Path) -> None:
    x = write(tmp_path / "x")
    refused(tmp_path, CorpusError, "nothing there", [tmp_path / "absent"], vocabulary)
    refused(tmp_path, CorpusError, "each file once", [x, x], vocabulary)
    refused(tmp_path, CorpusError, "at least one", [], vocabulary)
    refused(tmp_path, VocabularyError, "absent", [x], tmp_path / "absent")
    refused(tmp_path, UsageError, "--language", [x], vocabulary, language="english")
    refused(tmp_path, UsageError, "workers", [x], vocabulary, workers=-1)
    refused(tmp_path, UsageError, "parent directory", [x], vocabulary, output=tmp_path / "no/s")
    refused(tmp_path, BertwrightError, "format", [x], vocabulary, format="docx")
    refused(tmp_path, CorpusError, "--max-line-bytes", [x], vocabulary, max_line_bytes=20)
    refused(
        tmp_path,
        CorpusError,
        "outside the input",
        [write(tmp_path / "c/x").parent],
        vocabulary,
        output=tmp_path / "c/s",
    )


def test_an_output_that_exists_stays(tmp_path: Path, vocabulary: Path) -> None:
    x = write(tmp_path / "x")
    write(tmp_path / "s/precious.txt")
    refused(tmp_path, OutputExistsError, "exists already", [x], vocabulary)
    refused(tmp_path, OutputExistsError, "not an output", [x], vocabulary, overwrite=True)
    with pytest.raises(OutputExistsError, match="not an output"):  # before anything is read
        prepare([tmp_path / "absent"], vocabulary=tmp_path / "absent", output=tmp_path / "s", overwrite=True)
    prepare([x], vocabulary=vocabulary, output=tmp_path / "t", workers=1)
    refused(tmp_path, OutputExistsError, "exists already", [x], vocabulary, output=tmp_path / "t")
    before = tree(tmp_path / "t")
    prepare([x], vocabulary=vocabulary, output=tmp_path / "t", workers=1, overwrite=True)
    assert tree(tmp_path / "t") == before


def test_what_is_read_is_not_replaced(tmp_path: Path, vocabulary: Path) -> None:
    x = write(tmp_path / "x")
    store = tmp_path / "t"
    prepare([x], vocabulary=vocabulary, output=store, workers=1)
    for corpus, words, message in (
        (x, store, "other than what is read"),
        (x, store / "vocab.txt", "does not hold what is read"),
        (store / "vocab.txt", vocabulary, "does not hold what is read"),
        (store, vocabulary, "other than what is read"),
    ):
        refused(tmp_path, UsageError, message, [corpus], words, output=store, overwrite=True)


def test_a_store_being_written_is_busy(tmp_path: Path, vocabulary: Path) -> None:
    from bertwright.durable import lock

    with lock(tmp_path / "s"), pytest.raises(OutputBusyError, match=f'"pid": {os.getpid()}'):
        prepare([write(tmp_path / "x")], vocabulary=vocabulary, output=tmp_path / "s", workers=1)


def test_warnings(tmp_path: Path, vocabulary: Path) -> None:
    corpus = [
        write(tmp_path / "e", ""),
        write(tmp_path / "x", '{"a": 1}\n\n力\n\n' + TEXT),
        write(tmp_path / "y", "力\n\n力\n"),
    ]
    summary = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert len(summary.warnings) == 4
    empty, json_like, unknown, short = summary.warnings
    assert empty.startswith("1 file: empty")
    assert "--format jsonl" in json_like
    assert (
        unknown
        == f"3 documents are nothing but [UNK]: {tmp_path / 'x'}:3, {tmp_path / 'y'}:1, {tmp_path / 'y'}:3"
    )
    assert short.startswith("4 of 6 documents have a single sentence")
