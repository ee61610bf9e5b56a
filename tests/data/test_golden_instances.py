"""Instances against the statistics of the original program (its random numbers cannot be repeated)."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from shared import shared_path

from bertwright.data.batches import PretrainingBatches
from bertwright.data.epoch_plan import EpochPlans
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.instance_statistics import InstanceStatistics
from bertwright.data.philox import stream_key
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.data.sentence_pairs import PairRule, target_length
from bertwright.data.store import TokenStore
from bertwright.data.truncation import truncate_rows
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import Vocabulary

SHARE = 0.02  # how far shares that hang on the short documents may be apart; see the data's README
KINDS = 0.002  # 80/10/10, front or back
SEEDS = (20, 21, 22)
EPOCHS = 20  # of each seed


@dataclass
class Measured:
    """Everything the original's statistics hold, from our instances."""

    settings: InstanceSettings
    sums: InstanceStatistics
    masked_by_length: Counter[tuple[int, int]] = field(default_factory=Counter)
    a_lengths: npt.NDArray[np.int64] = field(init=False)
    b_lengths: npt.NDArray[np.int64] = field(init=False)
    positions: npt.NDArray[np.int64] = field(init=False)
    candidates: npt.NDArray[np.int64] = field(init=False)
    relative: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(20, np.int64))
    random_words: npt.NDArray[np.int64] = field(init=False)
    words: Counter[tuple[int, str]] = field(default_factory=Counter)
    in_b: int = 0

    def add(self, batch: PretrainingBatch, vocabulary: Vocabulary) -> None:
        self.sums.add(batch)
        rows, columns = np.divmod(batch.masked_positions, batch.input_ids.shape[1])
        lengths = batch.attention_mask.sum(1)
        second = batch.token_type_ids.sum(1)  # B and its [SEP]
        self.a_lengths += np.bincount(lengths - second - 2, minlength=len(self.a_lengths))
        self.b_lengths += np.bincount(second - 1, minlength=len(self.b_lengths))
        masked = np.bincount(rows, minlength=len(batch))
        self.masked_by_length.update(zip(lengths.tolist(), masked.tolist(), strict=True))
        self.positions += np.bincount(columns, minlength=len(self.positions))
        self.relative += np.bincount(20 * columns // lengths[rows], minlength=20)
        self.in_b += int(batch.token_type_ids.ravel()[batch.masked_positions].sum())
        truth = batch.input_ids.copy()
        truth.ravel()[batch.masked_positions] = batch.masked_labels
        ordinary = batch.attention_mask & (truth != vocabulary.cls_id) & (truth != vocabulary.sep_id)
        self.candidates[: truth.shape[1]] += ordinary.sum(0)
        now = batch.input_ids.ravel()[batch.masked_positions]
        random = now[(now != batch.masked_labels) & (now != vocabulary.mask_id)]
        self.random_words += np.bincount(random, minlength=len(vocabulary))
        self._add_words(batch, truth, ordinary, vocabulary)

    def _add_words(
        self,
        batch: PretrainingBatch,
        truth: npt.NDArray[np.int64],
        ordinary: npt.NDArray[np.bool_],
        vocabulary: Vocabulary,
    ) -> None:
        """Words of n pieces, by whether all, some or none of them were masked."""
        masked = np.zeros(truth.size, bool)
        masked[batch.masked_positions] = True
        cells = np.flatnonzero(ordinary)
        row = cells // truth.shape[1]
        starts = vocabulary.starts_word[truth.ravel()[cells]]
        starts[np.flatnonzero(np.diff(row, prepend=-1))] = True  # each instance begins a word
        first = np.flatnonzero(starts)
        pieces = np.diff(np.append(first, len(cells)))
        hidden = np.add.reduceat(masked[cells], first, dtype=np.int64)
        state = np.where(hidden == 0, 0, np.where(hidden == pieces, 2, 1))
        counts = np.bincount(np.minimum(pieces, 8) * 3 + state, minlength=27)
        for value, count in enumerate(counts.tolist()):
            self.words[value // 3, ("none", "some", "all")[value % 3]] += count


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.load(shared_path("data/vocab/bert-base-uncased-vocab.txt"))


@pytest.fixture(scope="module")
def store(vocabulary: Vocabulary) -> TokenStore:
    path = shared_path("golden/pretraining_data/documents.txt.xz")
    with lzma.open(path, "rt", encoding="utf-8") as file:
        texts = [document.split("\n") for document in file.read().strip("\n").split("\n\n")]
    tokenizer = Tokenizer(vocabulary)
    documents = [[ids.tolist() for ids in tokenizer.encode_ids(lines) if len(ids)] for lines in texts]
    store = TokenStore.from_documents(documents, len(vocabulary))
    assert (store.num_documents, store.num_sentences) == (517, 9853)
    return store


@pytest.fixture(scope="module", params=["128_plain", "128_wwm", "512_plain", "512_wwm"])
def case(
    request: pytest.FixtureRequest, store: TokenStore, vocabulary: Vocabulary
) -> tuple[dict[str, Any], Measured]:
    expected = json.loads(
        shared_path(f"golden/pretraining_data/statistics_len{request.param}.json").read_text()
    )
    given = expected["parameters"]
    settings = InstanceSettings(
        max_length=given["max_seq_length"],
        max_predictions=given["max_predictions_per_seq"],
        masked_lm_probability=given["masked_lm_prob"],
        short_sequence_probability=given["short_seq_prob"],
        whole_word=given["do_whole_word_mask"],
    )
    measured = Measured(settings, InstanceStatistics(vocabulary.mask_id, settings.max_length))
    measured.positions, measured.candidates = np.zeros((2, settings.max_length), np.int64)
    measured.a_lengths, measured.b_lengths = np.zeros((2, settings.max_length + 1), np.int64)
    measured.random_words = np.zeros(len(vocabulary), np.int64)
    for seed in SEEDS:
        batches = PretrainingBatches(store, vocabulary, settings, 512, seed)
        for epoch in range(EPOCHS):
            for batch in batches.one_epoch(epoch):
                measured.add(batch, vocabulary)
    return expected, measured


def histogram(values: dict[str, int], size: int) -> npt.NDArray[np.float64]:
    counts = np.zeros(size)
    for value, count in values.items():
        counts[int(value)] = count
    return counts


def distance(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> float:
    """Largest difference of the two cumulated distributions (Kolmogorov and Smirnov)."""
    return float(np.abs(np.cumsum(ours) / ours.sum() - np.cumsum(theirs) / theirs.sum()).max())


def test_as_many_instances(case: tuple[dict[str, Any], Measured]) -> None:
    expected, measured = case
    passes = expected["parameters"]["dupe_factor"] * len(expected["parameters"]["seeds"])
    assert measured.sums.instances / (EPOCHS * len(SEEDS)) == pytest.approx(
        expected["instances"] / passes, rel=0.02
    )


def test_lengths(case: tuple[dict[str, Any], Measured]) -> None:
    expected, measured = case
    size = measured.settings.max_length + 1
    sums = measured.sums
    for ours, name in (
        (sums.lengths, "sequence_length_histogram"),
        (measured.a_lengths, "length_a_histogram"),
        (measured.b_lengths, "length_b_histogram"),
    ):
        assert distance(ours, histogram(expected[name], size)) < SHARE, name
    assert sums.full_share == pytest.approx(expected["fraction_full_length"], abs=SHARE)
    mean = sums.tokens / sums.instances
    assert mean == pytest.approx(expected["mean_length"], rel=SHARE)


def test_random_next(case: tuple[dict[str, Any], Measured]) -> None:
    expected, measured = case
    assert measured.sums.label_1_share == pytest.approx(expected["random_next_fraction"], abs=SHARE)
    assert measured.sums.label_1_share > 0.5


def test_short_targets(case: tuple[dict[str, Any], Measured], store: TokenStore) -> None:
    expected, measured = case
    rule = PairRule.of(measured.settings)
    keys = [stream_key(20, "sentence pairs", 0, epoch) for epoch in range(EPOCHS)]
    targets = np.array([target_length(d, key, rule) for key in keys for d in range(store.num_documents)])
    short = targets[targets < rule.max_tokens]
    assert len(short) / len(targets) == pytest.approx(expected["short_target"]["fraction"], abs=0.01)
    assert short.min() >= 2
    bins = np.bincount(20 * short // measured.settings.max_length, minlength=20)
    theirs = np.array(
        [expected["short_target"]["target_length_histogram_20_bins"][str(n)] for n in range(20)]
    )
    assert distance(bins, theirs) < 0.06  # some 1,000 draws: 99 % below 0.052


def test_masked_counts(case: tuple[dict[str, Any], Measured]) -> None:
    expected, measured = case
    counts = measured.settings.prediction_counts()
    theirs = expected["masked_count_by_length"]
    checked = 0
    for (length, masked), instances in measured.masked_by_length.items():
        if not measured.settings.whole_word:
            assert masked == counts[length]
            assert list(theirs.get(str(length), {str(masked): 1})) == [str(masked)]
        assert masked <= counts[length] and instances > 0
        checked += instances
    assert checked == measured.sums.instances > 50_000
    for length, by_count in theirs.items():  # the rule is theirs too
        assert max(map(int, by_count)) == counts[int(length)]
    short_of = sum(n for (length, m), n in measured.masked_by_length.items() if m < counts[length])
    theirs_short = sum(
        n for length, row in theirs.items() for m, n in row.items() if int(m) < counts[int(length)]
    )
    assert short_of / checked == pytest.approx(theirs_short / expected["instances"], abs=1e-3)


def test_kinds(case: tuple[dict[str, Any], Measured]) -> None:
    expected, measured = case
    mask, random, kept = measured.sums.kinds
    assert measured.sums.masked > 1_000_000
    assert mask == pytest.approx(expected["replaced_by_mask_fraction"], abs=KINDS)
    assert random == pytest.approx(expected["random_word_fraction"], abs=KINDS)
    assert kept == pytest.approx(expected["kept_fraction"], abs=KINDS)


def test_random_words_come_from_the_whole_vocabulary(
    case: tuple[dict[str, Any], Measured], vocabulary: Vocabulary
) -> None:
    expected, measured = case
    counts = measured.random_words
    total = counts.sum()
    assert np.flatnonzero(counts)[0] < 5 and np.flatnonzero(counts)[-1] >= len(vocabulary) - 5
    kinds = expected["random_word"]["kinds_in_vocab"]
    unused = [token.startswith("[unused") for token in vocabulary.tokens]
    assert counts[unused].sum() / total == pytest.approx(kinds["unused"], abs=0.002)
    assert counts[~vocabulary.starts_word].sum() / total == pytest.approx(kinds["continuation"], abs=0.005)
    bins = np.bincount(np.arange(len(vocabulary)) * 20 // len(vocabulary), weights=counts)
    assert ((bins - total / 20) ** 2 / (total / 20)).sum() < 50  # chi square, 19 degrees of freedom


def test_positions(case: tuple[dict[str, Any], Measured]) -> None:
    expected, measured = case
    assert measured.positions[0] == 0
    rate = measured.positions[1:-1] / measured.candidates[1:-1]
    enough = measured.candidates[1:-1] > 2000
    theirs = np.array(expected["masked_rate_by_position"][1:-1], dtype=float)
    error = np.sqrt(0.15 * 0.85 / measured.candidates[1:-1]) + np.sqrt(
        0.15 * 0.85 / np.array(expected["candidates_by_position"][1:-1])
    )
    assert (np.abs(rate - theirs)[enough] < 5 * error[enough] + 0.001).all()
    assert enough.sum() > 100
    shares = measured.relative / measured.relative.sum()
    bins = np.array(expected["masked_relative_position_histogram_20_bins"])
    assert np.abs(shares - bins / bins.sum()).max() < 0.002
    assert measured.in_b / measured.sums.masked == pytest.approx(
        expected["masked_in_segment"]["b"], abs=SHARE
    )


def test_words(case: tuple[dict[str, Any], Measured]) -> None:
    expected, measured = case
    partly = sum(count for (_, state), count in measured.words.items() if state == "some")
    ours, theirs = sum(measured.words.values()), expected["words"]
    total = sum(row["words"] for row in theirs["by_pieces"].values())
    assert partly / ours == pytest.approx(theirs["partially_masked"] / total, abs=0.002)
    if measured.settings.whole_word:
        assert partly == 0
    for pieces, row in theirs["by_pieces"].items():
        mine = [measured.words[int(pieces), state] for state in ("none", "some", "all")]
        assert sum(mine) / ours == pytest.approx(row["words"] / total, abs=0.002)
        error = 6 * np.sqrt(0.15 / max(1, sum(mine))) + 6 * np.sqrt(0.15 / row["words"])
        assert mine[2] / max(1, sum(mine)) == pytest.approx(row["fully_masked"] / row["words"], abs=error)


def test_truncation(case: tuple[dict[str, Any], Measured], store: TokenStore) -> None:
    expected, measured = case
    rule = PairRule.of(measured.settings)
    removed: Counter[int] = Counter()
    front, back = np.zeros(2, np.int64), np.zeros(2, np.int64)
    for seed, epoch in product(SEEDS, range(EPOCHS)):
        plan = EpochPlans(store, rule, seed, phase=0).plan(epoch)
        before = [column.astype(np.int64) for column in plan[:4]]
        after = [column.copy() for column in before]
        keys = np.full(len(plan.label), stream_key(seed, "truncation", 0, epoch), np.uint64)
        places = np.arange(len(plan.label), dtype=np.uint64)
        truncate_rows(*after, measured.settings.max_tokens, keys, places)
        gone = [before[1] - after[1], before[3] - after[3]]
        fronts = [after[0] - before[0], after[2] - before[2]]
        front += [part.sum() for part in fronts]
        back += [(whole - part).sum() for whole, part in zip(gone, fronts, strict=True)]
        removed.update((gone[0] + gone[1]).tolist())
    theirs = expected["truncation"]
    share = 1 - removed[0] / sum(removed.values())
    assert share == pytest.approx(theirs["truncated_fraction"], abs=SHARE)
    assert front.sum() / (front.sum() + back.sum()) == pytest.approx(0.5, abs=KINDS)
    b_share = (front + back)[1] / (front + back).sum()
    cut = {side: theirs["tokens_removed_front"][side] + theirs["tokens_removed_back"][side] for side in "ab"}
    assert b_share == pytest.approx(cut["b"] / (cut["a"] + cut["b"]), abs=SHARE)
    del removed[0]
    size = 1 + max(*removed, *map(int, theirs["removed_tokens_histogram"]))
    ours = histogram({str(n): count for n, count in removed.items()}, size)
    assert distance(ours, histogram(theirs["removed_tokens_histogram"], size)) < SHARE
