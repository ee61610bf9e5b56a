from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.data import sentence_pairs
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.philox import stream_key
from bertwright.data.sentence_pairs import (
    PairArrays,
    Pairing,
    PairRule,
    SentencePair,
    document_pairs,
    fill_pairs,
    target_length,
)

LOW, HIGH = 0, 2**32 - 1
NEXT = PairRule.of(InstanceSettings(max_length=13, short_sequence_probability=0))  # 10 tokens


def offsets(lengths: list[int]) -> list[int]:
    return [0, *itertools.accumulate(lengths)]


def axis(documents: list[list[int]]) -> tuple[list[int], list[int]]:
    """Document and sentence offsets of documents given by the lengths of their sentences."""
    return offsets([len(d) for d in documents]), offsets([length for d in documents for length in d])


def kernel(documents: list[list[int]], key: int, rule: PairRule) -> list[SentencePair]:
    arrays = [np.array(values, np.int64) for values in axis(documents)]
    tokens = int(arrays[1][-1])
    count = fill_pairs(*arrays, np.uint64(key), rule, PairArrays.empty(0, tokens))
    out = PairArrays.empty(count, tokens)
    assert fill_pairs(*arrays, np.uint64(key), rule, out) == count
    return [SentencePair(*values) for values in zip(*(column.tolist() for column in out), strict=True)]


def plain(documents: list[list[int]], key: int, rule: PairRule) -> list[SentencePair]:
    places = axis(documents)
    return [pair for number in range(len(documents)) for pair in document_pairs(*places, number, key, rule)]


def scripted(monkeypatch: pytest.MonkeyPatch, *blocks: tuple[int, int, int, int]) -> None:
    """Block n of the stream is ``blocks[n]``; block 0 decides about a short target."""
    monkeypatch.setattr(sentence_pairs, "philox", lambda key, index, number: blocks[number])


DOCUMENTS = [[4, 3, 5, 2], [6, 7], [1, 1, 1]]  # sentences 0-3, 4-5, 6-8; tokens 14, 13, 3


class TestByHand:
    def test_true_next(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # 4 + 3 + 5 reach 10: a chunk of three. The cut after the first or the second; the coin is high: true.
        scripted(monkeypatch, (HIGH,) * 4, (LOW, HIGH, 0, 0), (LOW, LOW, LOW, LOW))
        pairs = document_pairs(*axis(DOCUMENTS), 0, 0, NEXT)
        assert pairs[0] == SentencePair(0, 4, 4, 8, 0)
        # One sentence is left: always random, from the other documents; 10 - 2 tokens wanted, 6 + 7 found.
        assert pairs[1:] == [SentencePair(12, 2, 14, 13, 1)]

    def test_unused_sentences_are_given_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # A is the first sentence, B random from document 2, sentence 7; sentences 1 and 2 come again.
        scripted(
            monkeypatch, (HIGH,) * 4, (LOW, LOW, HIGH, 2**31), (HIGH, HIGH, 0, 0), (LOW, HIGH, LOW, HIGH)
        )
        pairs = document_pairs(*axis(DOCUMENTS), 0, 0, NEXT)
        assert pairs[0] == SentencePair(0, 4, 28, 2, 1)
        # 3 + 5 + 2 = 10: the chunk is the rest, cut after two of three.
        assert pairs[1:] == [SentencePair(4, 8, 12, 2, 0)]

    def test_b_has_one_sentence_when_a_fills_the_target(self, monkeypatch: pytest.MonkeyPatch) -> None:
        scripted(monkeypatch, (HIGH,) * 4, (LOW, HIGH, LOW, LOW), (LOW, HIGH, LOW, LOW))
        pairs = document_pairs(*axis([[30], [6, 7]]), 0, 0, NEXT)
        assert pairs == [SentencePair(0, 30, 30, 6, 1)]

    def test_short_target_is_drawn_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rule = PairRule.of(InstanceSettings(max_length=13))
        scripted(monkeypatch, (LOW, LOW, 0, 0), *[(LOW, HIGH, LOW, LOW)] * 4)
        assert target_length(0, 0, rule) == 2
        pairs = document_pairs(*axis(DOCUMENTS), 2, 0, rule)
        assert pairs == [SentencePair(27, 1, 28, 1, 0), SentencePair(29, 1, 0, 4, 1)]
        scripted(monkeypatch, (LOW, HIGH, 0, 0))
        assert target_length(0, 0, rule) == 10

    def test_single_segment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rule = PairRule.of(InstanceSettings(max_length=12, next_sentence=False, short_sequence_probability=0))
        scripted(monkeypatch, *[(HIGH,) * 4] * 4)
        pairs = document_pairs(*axis(DOCUMENTS), 0, 0, rule)
        assert pairs == [SentencePair(0, 12, 0, 0, 0), SentencePair(12, 2, 0, 0, 0)]

    def test_sentence_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rule = PairRule.of(
            InstanceSettings(
                max_length=13, next_sentence=False, sentence_order=True, short_sequence_probability=0
            )
        )
        scripted(monkeypatch, (HIGH,) * 4, (HIGH, LOW, 0, 0), (LOW, HIGH, 0, 0))
        pairs = document_pairs(*axis(DOCUMENTS), 0, 0, rule)
        # Swapped: the last of three sentences first. Then a single sentence, cut after its first token.
        assert pairs == [SentencePair(7, 5, 0, 7, 1), SentencePair(12, 1, 13, 1, 0)]
        assert document_pairs(*axis([[1]]), 0, 0, rule) == []


KEYS = st.integers(0, 2**64 - 1)
documents_strategy = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=12), min_size=1, max_size=6)


@given(
    documents_strategy,
    st.sampled_from(Pairing),
    st.integers(5, 40),
    st.floats(0, 1),
    st.integers(0, 2**64 - 1),
)
@settings(deadline=None, max_examples=200)
def test_kernel_equals_definition(
    documents: list[list[int]], pairing: Pairing, most: int, short: float, key: int
) -> None:
    rule = PairRule(int(pairing), most, round(short * 2**32))
    pairs = plain(documents, key, rule)
    assert kernel(documents, key, rule) == pairs
    check_pairs(documents, pairs, pairing)


def check_pairs(documents: list[list[int]], pairs: list[SentencePair], pairing: Pairing) -> None:
    document_offsets, sentence_offsets = axis(documents)
    bounds = [sentence_offsets[number] for number in document_offsets]

    def document_of(token: int) -> int:
        return int(np.searchsorted(bounds, token, side="right")) - 1

    covered = np.zeros(sentence_offsets[-1], np.int64)
    for a_start, a_length, b_start, b_length, label in pairs:
        assert a_length > 0 and (b_length > 0) == (pairing != Pairing.SINGLE)
        assert document_of(a_start) == document_of(a_start + a_length - 1)
        covered[a_start : a_start + a_length] += 1
        if pairing == Pairing.NEXT_SENTENCE and label:
            other = document_of(b_start)
            assert other == document_of(b_start + b_length - 1)
            assert (other != document_of(a_start)) or len(documents) == 1
            continue
        covered[b_start : b_start + b_length] += 1
        if b_length:
            first, second = (b_start, a_start) if label else (a_start, b_start)
            assert second - first == (b_length if label else a_length)
    # Apart from random continuations each token comes exactly once (sentence order skips lone single tokens).
    assert (covered == 1).all() or (pairing == Pairing.SENTENCE_ORDER and covered.max(initial=0) <= 1)


def test_never_the_same_document() -> None:
    documents = [[5, 5], [5, 5], [5, 5]]
    rule = PairRule(int(Pairing.NEXT_SENTENCE), 20, 0)
    seen: dict[int, set[int]] = {0: set(), 1: set(), 2: set()}
    for key in range(300):
        for pair in plain(documents, key, rule):
            if pair.label:
                seen[pair.a_start // 10].add(pair.b_start // 10)
    assert seen == {0: {1, 2}, 1: {0, 2}, 2: {0, 1}}


def test_the_only_document_never_gives_the_true_next_as_random() -> None:
    documents = [[3] * 8]
    rule = PairRule(int(Pairing.NEXT_SENTENCE), 9, 0)
    starts = set()
    for key in range(300):
        for pair in plain(documents, key, rule):
            if pair.label:
                assert pair.b_start != pair.a_start + pair.a_length
                starts.add(pair.b_start)
    assert starts == {3 * number for number in range(8)}


def test_half_of_the_chunks_of_several_sentences_are_random() -> None:
    documents = [[3] * 60 for _ in range(50)]
    rule = PairRule(int(Pairing.NEXT_SENTENCE), 20, 0)
    pairs = [pair for key in range(20) for pair in kernel(documents, stream_key(key, "x"), rule)]
    # Where A ends with the document the chunk was a single sentence, which is always paired at random.
    labels = [pair.label for pair in pairs if (pair.a_start + pair.a_length) % 180]
    assert len(labels) > 5000
    assert abs(np.mean(labels) - 0.5) < 0.02


def test_starts_grow_with_the_store() -> None:
    assert PairArrays.empty(3, 2**32 - 1).a_start.dtype == np.uint32
    assert PairArrays.empty(3, 2**32).b_start.dtype == np.int64
    assert PairArrays.empty(3, 2**32).label.dtype == np.uint8
