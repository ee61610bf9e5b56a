"""The guesses a model must beat, counted by hand."""

from __future__ import annotations

import math
import tracemalloc
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from pretraining.small_run import memory_store, settings

from bertwright.data.batches import next_tokens
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.data.store import TokenStore
from bertwright.pretraining.baselines import PRIOR, baselines, count_pairs
from bertwright.pretraining.evaluation import read_held_out
from bertwright.randomness import generator
from bertwright.tokenization.vocabulary import Vocabulary

VOCABULARY = Vocabulary.from_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
A, B, C = 5, 6, 7
STORE = TokenStore.from_documents([[[A, B], [A, B, C]], [[C, A]], [[A]]], vocab_size=8)
"""Unigrams: a 4, b 2, c 2. Pairs within documents: ab ba ab bc; ca."""


def batch(rows: list[list[int]], positions: list[int], labels: list[int]) -> PretrainingBatch:
    ids = np.array(rows, np.int64)
    return PretrainingBatch(
        input_ids=ids,
        token_type_ids=np.zeros_like(ids),
        attention_mask=np.ones(ids.shape, np.bool_),
        masked_positions=np.array(positions, np.int64),
        masked_labels=np.array(labels, np.int64),
        next_sentence_labels=None,
    )


def test_pairs_do_not_cross_documents() -> None:
    starts, columns, counts = count_pairs(STORE).after

    def row(token: int) -> dict[int, float]:
        part = slice(starts[token], starts[token + 1])
        return dict(zip(columns[part].tolist(), counts[part].tolist(), strict=True))

    assert row(A) == {B: 2.0}
    assert row(B) == {A: 1.0, C: 1.0}
    assert row(C) == {A: 1.0}


def test_by_hand() -> None:
    # "[CLS] a ? c [SEP]": after a stands b. "[CLS] ? b [SEP]": nothing on the left, before b stands a.
    rows = [[2, A, 4, C, 3], [2, 4, B, 3, 0]]
    found = baselines(STORE, [batch(rows, [2, 6], [B, A])], VOCABULARY)
    unigram = (np.array([0, 0, 0, 0, 0, 4, 2, 2]) + 1) / 16
    assert found["most_frequent"].accuracy == 0.5
    assert found["most_frequent"].loss == pytest.approx(-(math.log(unigram[B]) + math.log(unigram[A])) / 2)
    after_a = (2 + PRIOR * unigram[B]) / (2 + PRIOR)  # two pairs begin with a, both go on with b
    assert found["bigram"].accuracy == 1.0
    assert found["bigram"].loss == pytest.approx(-(math.log(after_a) + math.log(unigram[A])) / 2)
    assert found["neighbours"].accuracy == 1.0
    assert found["neighbours"].loss < found["bigram"].loss


def test_bigram_is_fooled_where_only_the_right_neighbour_tells() -> None:
    rows = [[2, A, 4, A, 3]]  # a b a stands in the text; so does nothing else between two a
    found = baselines(STORE, [batch(rows, [2], [C])], VOCABULARY)
    assert found["bigram"].accuracy == 0.0
    assert found["most_frequent"].accuracy == 0.0


def test_ends_of_rows_are_expected_as_often_as_they_come() -> None:
    """Next tokens, as the model is asked: a b [SEP] and c a b [SEP]; two of seven places end a row."""
    rows = np.array([[2, A, B, 3, 0], [2, C, A, B, 3]], np.int64)
    positions, labels = next_tokens(rows, np.array([4, 5]))
    assert labels.tolist() == [A, B, 3, C, A, B, 3]
    asked = batch(rows.tolist(), positions.tolist(), labels.tolist())
    found = baselines(STORE, [asked], VOCABULARY, next_token=True)
    unigram = (np.array([0, 0, 0, 0, 0, 4, 2, 2]) + 1) / 16
    end = 2 / 7
    words = [5 / 7 * unigram[label] for label in (A, B, C, A, B)]
    assert found["most_frequent"].loss == pytest.approx(-(2 * math.log(end) + np.log(words).sum()) / 7)
    assert found["most_frequent"].accuracy == 2 / 7  # P([SEP]) = 0.29 is more than 5/7 P(a) = 0.22
    losses = [math.log(5 / 7 * unigram[A]), math.log(5 / 7 * unigram[C])]  # after [CLS]
    losses += [2 * math.log(5 / 7 * (2 + PRIOR * unigram[B]) / (2 + PRIOR))]
    losses += [math.log(5 / 7 * (1 + PRIOR * unigram[A]) / (1 + PRIOR)), 2 * math.log(end)]
    assert found["bigram"].loss == pytest.approx(-sum(losses) / 7)
    assert found["bigram"].accuracy == pytest.approx(3 / 7)  # b after a twice, a after c


def test_large_vocabularies_take_no_more_memory() -> None:
    """No place needs a row of all tokens: of 100,000 and for 200 places they would be 160 MB."""
    size, count = 100_000, 200
    draw = generator(1, "baselines")
    sentences = [draw.integers(5, size, 50).tolist() for _ in range(count)]
    store = TokenStore.from_documents([[sentence] for sentence in sentences], vocab_size=size)
    vocabulary = Vocabulary.from_tokens([*VOCABULARY.tokens[:5], *map(str, range(size - 5))])
    rows = [[2, sentence[0], 4, sentence[2], 3] for sentence in sentences]
    places = [5 * row + 2 for row in range(count)]
    masked = batch(rows, places, [sentence[1] for sentence in sentences])
    tracemalloc.start()
    try:
        found = baselines(store, [masked], vocabulary)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found["neighbours"].accuracy > 0.99
    assert most < 50e6


def test_against_plain_dictionaries() -> None:
    store, words = memory_store()
    training, held_out = store.split(0.1, 3)
    batches = read_held_out(held_out, words.vocabulary, settings())
    unigrams: Counter[int] = Counter()
    pairs: Counter[tuple[int, int]] = Counter()
    for number in range(training.num_documents):
        tokens = [token for sentence in training.document(number) for token in sentence]
        unigrams.update(tokens)
        pairs.update(pairwise(tokens))
    total = unigrams.total() + store.vocab_size
    probabilities = [(unigrams[token] + 1) / total for token in range(store.vocab_size)]
    special = words.vocabulary.special_ids
    hits = {"bigram": 0, "neighbours": 0}
    losses = {"bigram": 0.0, "neighbours": 0.0}
    count = 0
    for batch in batches:
        flat = batch.input_ids.ravel().tolist()
        for position, label in zip(
            batch.masked_positions.tolist(), batch.masked_labels.tolist(), strict=True
        ):
            count += 1
            scores = np.array(probabilities)
            left, right = flat[position - 1], flat[position + 1]
            if left not in special:
                scores *= [pairs[left, token] / p + PRIOR for token, p in enumerate(probabilities)]
            for name in ("bigram", "neighbours"):
                if name == "neighbours" and right not in special:
                    scores *= [pairs[token, right] / p + PRIOR for token, p in enumerate(probabilities)]
                hits[name] += int(scores.argmax()) == label
                losses[name] -= math.log(scores[label] / scores.sum())
    found = baselines(training, batches, words.vocabulary)
    assert count > 20
    for name in hits:
        assert found[name].accuracy == pytest.approx(hits[name] / count)
        assert found[name].loss == pytest.approx(losses[name] / count)
