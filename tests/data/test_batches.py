from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest

from bertwright.data.batches import PretrainingBatches, held_out_batches
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.masking import MaskRule, mask_candidates, mask_tokens
from bertwright.data.philox import stream_key
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.data.sentence_pairs import PairRule, SentencePair, document_pairs
from bertwright.data.store import TokenStore
from bertwright.data.truncation import truncate
from bertwright.errors import StoreError
from bertwright.randomness import generator
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

SIZE = 200
VOCABULARY = Vocabulary.from_tokens(
    [*SPECIAL_TOKENS, *(f"w{n}" for n in range(5, 150)), *(f"##p{n}" for n in range(150, SIZE))]
)
MODES = {
    "next": InstanceSettings(max_length=48),
    "whole words": InstanceSettings(max_length=48, whole_word=True),
    "order": InstanceSettings(max_length=40, next_sentence=False, sentence_order=True),
    "single": InstanceSettings(max_length=33, next_sentence=False),
    "next token": InstanceSettings(max_length=33, next_sentence=False, next_token=True),
}


def some_documents(count: int = 40, seed: int = 0, longest: int = 30) -> list[list[list[int]]]:
    rng = np.random.default_rng(seed)
    return [
        [rng.integers(5, SIZE, rng.integers(1, longest)).tolist() for _ in range(rng.integers(1, 12))]
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def store() -> TokenStore:
    return TokenStore.from_documents(some_documents(), SIZE)


def rows_of(batch: PretrainingBatch) -> list[tuple[object, ...]]:
    """Each instance as a plain value: ids, types, masked columns, labels, pair label."""
    columns = batch.input_ids.shape[1]
    result = []
    for row in range(len(batch)):
        length = int(batch.attention_mask[row].sum())
        mine = batch.masked_positions // columns == row
        label = None if batch.next_sentence_labels is None else int(batch.next_sentence_labels[row])
        result.append(
            (
                tuple(batch.input_ids[row, :length].tolist()),
                tuple(batch.token_type_ids[row, :length].tolist()),
                tuple((batch.masked_positions[mine] % columns).tolist()),
                tuple(batch.masked_labels[mine].tolist()),
                label,
            )
        )
    return result


def digest(batch: PretrainingBatch) -> str:
    return hashlib.sha256(repr((batch.input_ids.shape, rows_of(batch))).encode()).hexdigest()


def plain_instance(
    store: TokenStore, pair: SentencePair, settings: InstanceSettings, seed: int, epoch: int, place: int
) -> tuple[object, ...]:
    """One instance by the definitions in plain Python."""
    key = stream_key(seed, "truncation", 0, epoch)
    cut_a, cut_b = truncate(pair.a_length, pair.b_length, settings.max_tokens, key, place)
    a = store.tokens(pair.a_start, pair.a_start + pair.a_length).tolist()
    a = a[cut_a[0] : len(a) - cut_a[1]]
    b = store.tokens(pair.b_start, pair.b_start + pair.b_length).tolist() if settings.paired else []
    b = b[cut_b[0] : len(b) - cut_b[1]]
    v = VOCABULARY
    ids = [v.cls_id, *a, v.sep_id, *b, v.sep_id] if b else [v.cls_id, *a, v.sep_id]
    if settings.next_token:
        return tuple(ids), (0,) * len(ids), tuple(range(len(ids) - 1)), tuple(ids[1:]), None
    special = [0, len(a) + 1, len(a) + len(b) + 2]
    begins = None
    if settings.whole_word and store.has_words:
        parts = [(pair.a_start + cut_a[0], len(a)), (pair.b_start + cut_b[0], len(b))]
        found = [store.word_starts(start, start + length) for start, length in parts if length]
        flags = [[True], *([*part.tolist(), True] for part in found if part is not None)]  # around specials
        begins = list(chain.from_iterable(flags))
    elif settings.whole_word:
        begins = v.starts_word[ids].tolist()
    candidates = mask_candidates(ids, special, begins)
    masked = mask_tokens(
        ids,
        candidates,
        settings.prediction_counts()[len(ids)],
        stream_key(seed, "masking", 0, epoch),
        place,
        MaskRule.of(settings, v.mask_id, len(v)),
    )
    types = [0] * (len(a) + 2) + [1] * (len(b) + 1 if b else 0)
    label = pair.label if settings.paired else None
    return tuple(masked.ids), tuple(types), tuple(masked.positions), tuple(masked.labels), label


@pytest.mark.parametrize("mode", MODES)
def test_equal_to_the_plain_definitions(store: TokenStore, mode: str) -> None:
    check_plain(store, MODES[mode])


@pytest.mark.parametrize("mode", MODES)
def test_equal_where_the_store_has_words(store: TokenStore, mode: str) -> None:
    """Also of a selection of its documents, whose flags lie elsewhere."""
    flags = np.random.default_rng(1).random(store.num_tokens) < 0.6
    documents = [store.document(number) for number in range(store.num_documents)]
    with_words = TokenStore.from_documents(documents, SIZE, flags.tolist())
    assert with_words.digest != store.digest
    training, _ = with_words.split(0.1, seed=2)
    for part in (with_words, training):
        check_plain(part, MODES[mode])
    if not MODES[mode].whole_word:  # then it makes no difference
        found = PretrainingBatches(with_words, VOCABULARY, MODES[mode], 8, 4).batch(1)
        assert digest(found) == digest(PretrainingBatches(store, VOCABULARY, MODES[mode], 8, 4).batch(1))


def check_plain(store: TokenStore, settings: InstanceSettings) -> None:
    seed = 9
    rule = PairRule.of(settings)
    expected = []
    for epoch in range(2):
        key = stream_key(seed, "sentence pairs", 0, epoch)
        offsets = store.document_offsets.tolist(), store.sentence_offsets.tolist()
        pairs = [p for d in range(store.num_documents) for p in document_pairs(*offsets, d, key, rule)]
        order = generator(seed, "instance order", 0, epoch).permutation(len(pairs))
        expected += [
            plain_instance(store, pairs[number], settings, seed, epoch, place)
            for place, number in enumerate(order)
        ]
    batches = PretrainingBatches(store, VOCABULARY, settings, 16, seed)
    assert batches.instances_in_epoch(0) + batches.instances_in_epoch(1) == len(expected) > 150
    found = [row for step in range(len(expected) // 16) for row in rows_of(batches.batch(step))]
    assert found == expected[: len(found)]


class TestShape:
    def test_layout(self, store: TokenStore) -> None:
        batch = PretrainingBatches(store, VOCABULARY, MODES["next"], 32, seed=1).batch(0)
        lengths = batch.attention_mask.sum(1)
        assert batch.input_ids.shape == (32, min(48, -(-int(lengths.max()) // 8) * 8))
        assert batch.input_ids.dtype == batch.token_type_ids.dtype == batch.masked_labels.dtype == np.int64
        assert batch.attention_mask.dtype == np.bool_
        assert (batch.input_ids[~batch.attention_mask] == VOCABULARY.pad_id).all()
        assert (batch.token_type_ids[~batch.attention_mask] == 0).all()
        assert (batch.input_ids[:, 0] == VOCABULARY.cls_id).all()
        assert (batch.input_ids[np.arange(32), lengths - 1] == VOCABULARY.sep_id).all()
        assert (np.diff(batch.masked_positions) > 0).all()
        assert batch.num_tokens == lengths.sum()

    def test_columns_never_exceed_the_longest_instance_allowed(self) -> None:
        store = TokenStore.from_documents(some_documents(longest=100), SIZE)
        batch = PretrainingBatches(store, VOCABULARY, InstanceSettings(max_length=33), 16, seed=1).batch(0)
        assert batch.input_ids.shape == (16, 33)

    def test_large_ids_need_four_bytes(self) -> None:
        size = 70_000
        vocabulary = Vocabulary.from_tokens([*SPECIAL_TOKENS, *(f"w{n}" for n in range(5, size))])
        store = TokenStore.from_documents([[[69_999, 66_000, 5]] * 4] * 3, size)
        batch = PretrainingBatches(store, vocabulary, InstanceSettings(max_length=16), 8, seed=0).batch(0)
        assert {69_999, 66_000, 5} <= set(batch.input_ids.ravel().tolist())


class TestPureFunction:
    def test_of_the_step(self, store: TokenStore) -> None:
        """Any order, other objects, other processes: the same batches."""
        first = PretrainingBatches(store, VOCABULARY, MODES["next"], 24, seed=5)
        steps = [0, 17, 3, 60, 3, 1]
        digests = [digest(first.batch(step)) for step in steps]
        assert digests == [
            digest(PretrainingBatches(store, VOCABULARY, MODES["next"], 24, seed=5).batch(step))
            for step in steps
        ]
        assert digests[2] == digests[4]
        assert len(set(digests)) == 5

    def test_in_another_process(self, store: TokenStore) -> None:
        here = digest(PretrainingBatches(store, VOCABULARY, MODES["next"], 24, seed=5).batch(40))
        program = (
            "from test_batches import *\n"
            "store = TokenStore.from_documents(some_documents(), SIZE)\n"
            "print(digest(PretrainingBatches(store, VOCABULARY, MODES['next'], 24, seed=5).batch(40)))"
        )
        there = subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == here

    def test_of_seed_and_phase(self, store: TokenStore) -> None:
        digests = {
            digest(PretrainingBatches(store, VOCABULARY, MODES["next"], 24, seed, phase).batch(2))
            for seed in (0, 1)
            for phase in (0, 1)
        }
        assert len(digests) == 4

    def test_instances_do_not_depend_on_the_batch_size(self, store: TokenStore) -> None:
        def first(count: int, batch_size: int) -> list[tuple[object, ...]]:
            batches = PretrainingBatches(store, VOCABULARY, MODES["next"], batch_size, seed=2)
            rows = (row for step in range(count) for row in rows_of(batches.batch(step)))
            return list(islice(rows, count))

        assert first(400, 1) == first(400, 64) == first(400, 300)

    def test_threads(self, store: TokenStore) -> None:
        batches = PretrainingBatches(store, VOCABULARY, MODES["next"], 24, seed=5)
        alone = PretrainingBatches(store, VOCABULARY, MODES["next"], 24, seed=5)
        steps = list(range(60)) * 2
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda step: digest(batches.batch(step)), steps))
        assert found == [digest(alone.batch(step)) for step in steps]

    def test_a_part_of_a_store(self, store: TokenStore) -> None:
        """Held-out documents give what a store of these documents alone gives, wherever they lie."""
        train, held_out = store.split(0.3, seed=1)
        for part in (train, held_out):
            alone = TokenStore.from_documents(
                [part.document(number) for number in range(part.num_documents)], SIZE
            )
            a, b = (PretrainingBatches(s, VOCABULARY, MODES["next"], 16, seed=3) for s in (part, alone))
            assert [digest(a.batch(step)) for step in range(10)] == [
                digest(b.batch(step)) for step in range(10)
            ]


class TestEpochs:
    def test_each_instance_once_an_epoch(self) -> None:
        """10,000 instances that can be told apart, 3 epochs: each comes once an epoch, in another order."""
        documents = [[[5 + n % 190, 5 + n // 190 % 190]] for n in range(10_000)]
        store = TokenStore.from_documents(documents, SIZE)
        settings = InstanceSettings(next_sentence=False, max_length=8, mask_share=0, random_share=0)
        batches = PretrainingBatches(store, VOCABULARY, settings, 64, seed=0)
        rows = [tuple(r[0]) for s in range(3 * 10_000 // 64 + 1) for r in rows_of(batches.batch(s))]  # type: ignore[arg-type]
        epochs = [rows[n * 10_000 : (n + 1) * 10_000] for n in range(3)]
        whole = Counter((2, a, b, 3) for ((a, b),) in documents)
        assert [Counter(epoch) for epoch in epochs] == [whole] * 3
        assert epochs[0] != epochs[1] != epochs[2]

    @pytest.mark.parametrize("workers", [0, 2])
    def test_one_hundred_stops(self, store: TokenStore, workers: int) -> None:
        """Stopped 100 times and taken up by new objects, with or without threads: the same row of batches."""
        steps = 600
        whole = PretrainingBatches(store, VOCABULARY, MODES["next"], 16, seed=8)
        expected = [digest(whole.batch(step)) for step in range(steps)]
        assert steps * 16 > 3 * whole.instances_in_epoch(0)
        stops = np.sort(np.random.default_rng(workers).choice(np.arange(1, steps), 100, replace=False))
        found: list[str] = []
        for start, stop in zip([0, *stops], [*stops, steps], strict=True):
            resumed = PretrainingBatches(store, VOCABULARY, MODES["next"], 16, seed=8)
            with ThreadPoolExecutor(max(1, workers)) as pool:
                found += pool.map(lambda step, b=resumed: digest(b.batch(step)), range(start, stop))
        assert found == expected

    def test_a_batch_may_span_many_epochs(self) -> None:
        store = TokenStore.from_documents([[[5, 6], [7, 8]], [[9, 10, 11]]], SIZE)
        batches = PretrainingBatches(store, VOCABULARY, InstanceSettings(), 50, seed=0)
        small = PretrainingBatches(store, VOCABULARY, InstanceSettings(), 1, seed=0)
        assert len(batches.batch(0)) == 50
        assert 10 * batches.instances_in_epoch(0) < 50
        assert rows_of(batches.batch(1)) == [rows_of(small.batch(step))[0] for step in range(50, 100)]

    def test_new_masks_and_pairs_every_epoch(self, store: TokenStore) -> None:
        batches = PretrainingBatches(store, VOCABULARY, MODES["next"], 1, seed=0)
        count = batches.instances_in_epoch(0)
        first = {rows_of(batches.batch(step))[0][:4] for step in range(count)}
        second = {rows_of(batches.batch(step))[0][:4] for step in range(count, count + count)}
        assert len(first & second) < 0.1 * count


class TestHeldOut:
    def test_one_pass_with_fixed_masks(self, store: TokenStore) -> None:
        passes = [list(held_out_batches(store, VOCABULARY, MODES["next"], 32, seed=3)) for _ in range(2)]
        assert [digest(batch) for batch in passes[0]] == [digest(batch) for batch in passes[1]]
        sizes = [len(batch) for batch in passes[0]]
        assert set(sizes[:-1]) == {32} and 0 < sizes[-1] <= 32

    def test_no_text_is_lost(self, store: TokenStore) -> None:
        settings = InstanceSettings(max_length=2000, next_sentence=False, short_sequence_probability=0)
        batches = list(held_out_batches(store, VOCABULARY, settings, 7, seed=3))
        found = Counter()
        for batch in batches:
            ids = batch.input_ids.copy()
            ids.ravel()[batch.masked_positions] = batch.masked_labels
            found.update(
                tuple(row[mask][1:-1].tolist()) for row, mask in zip(ids, batch.attention_mask, strict=True)
            )
        documents = (chain.from_iterable(store.document(n)) for n in range(store.num_documents))
        assert found == Counter(map(tuple, documents))

    def test_other_masks_than_training(self, store: TokenStore) -> None:
        held = rows_of(next(iter(held_out_batches(store, VOCABULARY, MODES["next"], 32, seed=3))))
        train = rows_of(PretrainingBatches(store, VOCABULARY, MODES["next"], 32, seed=3).batch(0))
        assert held != train


class TestRefusals:
    def test_another_vocabulary(self, store: TokenStore) -> None:
        other = Vocabulary.from_tokens([*SPECIAL_TOKENS, "a"])
        with pytest.raises(StoreError, match="made with 200 tokens, got a vocabulary of 6"):
            PretrainingBatches(store, other, InstanceSettings(), 4, seed=0)

    def test_nothing_to_order(self) -> None:
        store = TokenStore.from_documents([[[5]], [[6]]], SIZE)
        with pytest.raises(
            StoreError, match=r"^the store: expected documents of at least two tokens.*objective mlm"
        ):
            PretrainingBatches(store, VOCABULARY, MODES["order"], 4, seed=0)

    def test_senseless_numbers(self, store: TokenStore) -> None:
        with pytest.raises(ValueError, match="batch_size"):
            PretrainingBatches(store, VOCABULARY, InstanceSettings(), 0, seed=0)
        with pytest.raises(ValueError, match="step"):
            PretrainingBatches(store, VOCABULARY, InstanceSettings(), 4, seed=0).batch(-1)
