"""Preparing a store: the right ids, and the same bytes whatever the workers."""

from __future__ import annotations

import gzip
import importlib.metadata
import json
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_corpora import TEXT, TOKENIZER, Watch, contents, expected, random_text, tree, write

from bertwright.data.prepare import PrepareSummary, prepare
from bertwright.data.store import TokenStore


def test_by_hand(tmp_path: Path, vocabulary: Path) -> None:
    summary = prepare(
        [write(tmp_path / "x.txt")], vocabulary=vocabulary, output=tmp_path / "store", workers=1
    )
    store = TokenStore.open(tmp_path / "store")
    assert [TOKENIZER.decode(s) for s in store.document(0)] == [
        "the first .",
        "it has two sentences .",
        "and a line .",
    ]
    assert [TOKENIZER.decode(s) for s in store.document(1)] == ["the second is singing .", "it ends ."]
    assert contents(tmp_path / "store") == expected(tmp_path / "x.txt")
    assert store.tokenizer().digest == TOKENIZER.digest
    store.require_vocabulary(TOKENIZER.vocabulary)
    result = summary.as_json()
    assert {**result, "seconds": 0} == {
        "documents": 2, "sentences": 5, "tokens": store.num_tokens, "bytes": 73, "shards": 1, "seconds": 0,
        "output": str(tmp_path / "store"), "unknown_tokens": 0, "cut_sentences": 0, "reused_parts": 0,
        "warnings": [],
    }  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store", "x.txt"]


def test_one_sentence_a_line(tmp_path: Path, vocabulary: Path) -> None:
    prepare(
        [write(tmp_path / "x")],
        vocabulary=vocabulary,
        output=tmp_path / "s",
        workers=1,
        one_sentence_per_line=True,
    )
    assert contents(tmp_path / "s") == expected(tmp_path / "x", language=None)
    assert [len(document) for document in contents(tmp_path / "s")] == [2, 2]


def test_every_format_gives_the_same_ids(tmp_path: Path, vocabulary: Path) -> None:
    texts = TEXT.rstrip("\n").split("\n\n")
    files = [
        write(tmp_path / "a.txt"),
        write(tmp_path / "a.txt.gz", gzip.compress(TEXT.encode())),
        write(tmp_path / "a-crlf.txt", "\ufeff" + TEXT.replace("\n", "\r\n")),
        write(tmp_path / "a.jsonl", "\n".join(json.dumps({"text": text}) for text in texts)),
        write(tmp_path / "a.csv", "id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(texts))),
    ]
    first = expected(files[0])
    for file in files:
        prepare([file], vocabulary=vocabulary, output=tmp_path / "s", workers=1, overwrite=True)
        assert contents(tmp_path / "s") == first, file
    prepare(files, vocabulary=vocabulary, output=tmp_path / "s", workers=1, overwrite=True)
    assert contents(tmp_path / "s") == first * 5


texts = st.text(st.characters(exclude_characters="\0\n\r\ufeff", exclude_categories=["Cs"]), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=4))
def test_any_documents_round_trip(tmp_path: Path, vocabulary: Path, documents: list[list[str]]) -> None:
    path = write(tmp_path / "x", "first\n\n" + "\n\n".join("\n".join(lines) for lines in documents))
    prepare(
        [path], vocabulary=vocabulary, output=tmp_path / "s", workers=1, overwrite=True, masked_lm_only=True
    )
    filled = [[sentence for sentence in document if sentence] for document in expected(path)]
    assert contents(tmp_path / "s") == [document for document in filled if document]


def test_the_same_bytes_for_any_number_of_workers(
    tmp_path: Path, vocabulary: Path, small_parts: None
) -> None:
    corpus = [
        write(tmp_path / "a.txt", random_text(250)),
        write(tmp_path / "b.gz", gzip.compress(random_text(250, 1).encode())),
    ]
    corpus += [write(tmp_path / f"many/{number:03d}", random_text(2, number)) for number in range(60)]
    trees = []
    for workers in (0, 2):
        summary = prepare(corpus, vocabulary=vocabulary, output=tmp_path / f"s{workers}", workers=workers)
        trees.append(tree(tmp_path / f"s{workers}"))
        assert summary.shards > 8
    assert trees[0] == trees[1]
    assert contents(tmp_path / "s0") == expected(*corpus)


def test_files_are_taken_in_the_order_given(tmp_path: Path, vocabulary: Path) -> None:
    a, b = write(tmp_path / "a", random_text(3, 1)), write(tmp_path / "b", random_text(3, 2))
    prepare([b, a], vocabulary=vocabulary, output=tmp_path / "s", workers=1)
    assert contents(tmp_path / "s") == expected(b, a)


def test_a_store_does_not_tell_how_its_corpus_was_called(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest of a store is that of its text; whose folder that lay in is nobody's business."""
    corpus = write(tmp_path / "corpus/x.txt", f"{TEXT}\n\u4e00\u4e8c\n\u4e8c\n")
    absolute = prepare([corpus], vocabulary=vocabulary, output=tmp_path / "a", workers=1)
    monkeypatch.chdir(corpus.parent)
    relative = prepare(["x.txt"], vocabulary=vocabulary, output=tmp_path / "b", workers=1)
    assert absolute.counts.unknown_at == [f"{corpus}:7"] and relative.counts.unknown_at == ["x.txt:7"]
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert b"x.txt" not in (tmp_path / "a/manifest.json").read_bytes()


def test_a_store_names_the_versions_that_decided(tmp_path: Path, vocabulary: Path) -> None:
    corpus = [write(tmp_path / "x.txt")]
    prepare(corpus, vocabulary=vocabulary, output=tmp_path / "a", workers=1)
    told = json.loads((tmp_path / "a/manifest.json").read_bytes())
    assert told["unicode"] == unicodedata.unidata_version
    assert told["splitter"] == f"sentencex {importlib.metadata.version('sentencex')}"
    prepare(corpus, vocabulary=vocabulary, output=tmp_path / "b", workers=1, one_sentence_per_line=True)
    assert "splitter" not in json.loads((tmp_path / "b/manifest.json").read_bytes())


def test_names_that_are_not_utf8(tmp_path: Path, vocabulary: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    corpus = [write(folder / "x"), write(folder / "y", "力\n\n")]
    summary = prepare(corpus, vocabulary=vocabulary, output=folder / "s", workers=1)
    assert contents(folder / "s") == expected(*corpus)
    assert summary.warnings[0].endswith("caf\\udce9/y:1")
    assert json.loads(json.dumps(summary.as_json(), ensure_ascii=False).encode())["output"].endswith(
        "caf\\udce9/s"
    )


def test_progress_is_told(tmp_path: Path, vocabulary: Path, small_parts: None) -> None:
    watch = Watch()
    corpus = write(tmp_path / "x.gz", gzip.compress(random_text(300).encode()))
    summary: PrepareSummary = prepare(
        [corpus], vocabulary=vocabulary, output=tmp_path / "s", workers=1, progress=watch
    )
    assert summary.shards > 3
    assert watch.done == watch.total == corpus.stat().st_size
