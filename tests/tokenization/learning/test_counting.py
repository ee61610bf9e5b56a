"""Counts and weights of words."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest
from shared import shared_path

from bertwright.corpus import find_corpus
from bertwright.tokenization import BasicTokenizer, TokenizerSettings
from bertwright.tokenization.learning import counting
from bertwright.tokenization.learning.counting import SCALE, CorpusCounts, Reading, WordCounts, count_words


def count(folder: Path, *documents: str, name: str = "a.txt", **choices: object) -> CorpusCounts:
    path = folder / name
    path.write_text("\n\n".join(documents), encoding="utf-8")
    return count_words(find_corpus([path]), Reading(**choices))  # type: ignore[arg-type]


def same(a: WordCounts, b: WordCounts) -> bool:
    return (
        a.words.equals(b.words)
        and a.counts.tolist() == b.counts.tolist()
        and a.weights.tolist() == b.weights.tolist()
    )


def test_counts_and_weights_by_hand(tmp_path: Path) -> None:
    found = count(tmp_path, "the cat\nthe dog, the", "The\ncafé Cafe").learned
    assert found.as_dict() == {",": 1, "cafe": 2, "cat": 1, "dog": 1, "the": 4}
    assert found.words.to_pylist() == [",", "cafe", "cat", "dog", "the"]
    assert found.total == 9
    weights = dict(zip(found.words.to_pylist(), found.weights.tolist(), strict=True))
    three, one = round(SCALE * math.sqrt(3)), SCALE
    # "café" and "Cafe" are one word; before accents are stripped they were two of weight one.
    assert weights == {",": 0, "cafe": 2 * one, "cat": one, "dog": one, "the": three + one}


def test_long_documents_are_several_passages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "PASSAGE_CHARACTERS", 10)
    found = count(tmp_path, "word word word\nword word\nword word\nword").learned
    passages = [3, 2 + 2, 1]  # a passage ends with the line that fills it
    assert found.counts.tolist() == [8]
    assert found.weights.tolist() == [sum(round(SCALE * math.sqrt(n)) for n in passages)]


def test_real_text_equals_plain_counting() -> None:
    path = shared_path("data/corpus/bert_sample_text.txt")
    basic = BasicTokenizer()
    expected = Counter(
        word for line in path.read_text(encoding="utf-8").split("\n") for word in basic.tokenize(line)
    )
    assert count_words(find_corpus([path]), Reading()).learned.as_dict() == dict(expected)


def test_cased(tmp_path: Path) -> None:
    found = count(tmp_path, "Éa éa", settings=TokenizerSettings(do_lower_case=False)).learned
    assert found.as_dict() == {"Éa": 1, "éa": 1}


@pytest.fixture
def many_documents(tmp_path: Path) -> list[Path]:
    texts = [f"document {n} has word{n % 17} and word{n % 23}.\nÜber word{n % 5}" for n in range(900)]
    paths = []
    for number in range(3):
        path = tmp_path / f"{number}.txt"
        path.write_text("\n\n".join(texts[number::3]), encoding="utf-8")
        paths.append(path)
    return paths


@pytest.mark.parametrize("workers", [1, 2])
def test_order_of_files_and_workers(
    many_documents: list[Path], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading(hold_out=True)
    first = count_words(find_corpus(many_documents), reading, workers=1)
    monkeypatch.setattr(counting, "_CHUNK_BYTES", 1 << 20)
    monkeypatch.setattr(counting, "_BATCH_CHARACTERS", 500)
    monkeypatch.setattr(counting, "_MERGE_ROWS", 10)
    second = count_words(find_corpus(many_documents[::-1]), reading, workers=workers)
    assert same(first.learned, second.learned) and same(first.held_out, second.held_out)
    assert first.held_out.total > 0
    whole = count_words(find_corpus(many_documents), reading.whole()).learned
    assert same(first.learned + first.held_out, whole)


def test_at_least() -> None:
    counts = WordCounts.of({"b": 3, "a": 1, "c": 2})
    assert counts.at_least(2).as_dict() == {"b": 3, "c": 2}
    assert counts.at_least(2).weights.tolist() == [3 * SCALE, 2 * SCALE]
    assert counts.at_least(9).as_dict() == {}
