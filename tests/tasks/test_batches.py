"""Batches of rows: every row once an epoch, a pure function of seed and step; by length, little padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.tasks.batches import POOL_BATCHES, Features, TaskBatch, TrainingBatches, collate, plan_epoch
from bertwright.tokenization.encoding import ModelInput


def row(length: int, index: int = 0, target: int | None = 0) -> Features:
    ids = np.arange(1, length + 1, dtype=np.int32)
    return Features(ids, (ids > 3).astype(np.int8), False, index, target)


def whole(batches: TrainingBatches, step: int) -> TaskBatch:
    (batch,) = batches.parts(step, None)
    return batch


def test_collate_by_hand() -> None:
    batch = collate([row(2, target=1), row(4, target=0)], pad_id=9)
    assert batch.input_ids.tolist() == [[1, 2, 9, 9], [1, 2, 3, 4]]
    assert batch.token_type_ids.tolist() == [[0, 0, 0, 0], [0, 0, 0, 1]]
    assert batch.attention_mask is not None
    assert batch.attention_mask.tolist() == [[True, True, False, False], [True] * 4]
    assert batch.targets is not None and batch.targets.tolist() == [1, 0]
    assert batch.input_ids.dtype == batch.token_type_ids.dtype == batch.targets.dtype == torch.int64
    assert batch.num_tokens == 6


def test_equal_lengths_need_no_mask_and_unlabelled_rows_no_targets() -> None:
    batch = collate([row(3, target=None), row(3)], pad_id=0)
    assert batch.attention_mask is None and batch.targets is None
    assert batch.num_tokens == 6


def test_features_of_an_assembled_row() -> None:
    features = Features.of(ModelInput([2, 5, 3, 6, 3], [0, 0, 0, 1, 1], True, 1, 1), 4, "x")
    assert features.input_ids.tolist() == [2, 5, 3, 6, 3]
    assert features.token_type_ids.tolist() == [0, 0, 0, 1, 1]
    assert (len(features), features.truncated, features.example, features.target) == (5, True, 4, "x")


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=300),
    st.integers(1, 9),
    st.integers(0, 3),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_every_row_once(lengths: list[int], batch_size: int, seed: int, by_length: bool) -> None:
    plan = plan_epoch(np.array(lengths), batch_size, np.random.default_rng(seed), by_length=by_length)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(lengths)))
    assert len(plan) == -(-len(lengths) // batch_size), "only one batch is smaller"
    assert max(map(len, plan)) <= batch_size


def test_a_batch_is_a_sample_of_all_rows() -> None:
    lengths = np.arange(4000)
    plan = plan_epoch(lengths, 32, np.random.default_rng(0), by_length=False)
    means = np.array([lengths[batch].mean() for batch in plan])
    expected = lengths.std() / np.sqrt(32)
    assert len(means) == 125
    assert 0.85 * expected < means.std() < 1.15 * expected  # that of independent draws


def test_by_length_little_padding() -> None:
    chance = np.random.default_rng(0)
    lengths = np.clip(chance.lognormal(3.2, 0.6, 4000), 4, 128).astype(np.int64)
    plan = plan_epoch(lengths, 32, chance, by_length=True)
    computed = sum(int(lengths[batch].max()) * len(batch) for batch in plan)
    shuffled = chance.permutation(len(lengths)).reshape(-1, 32)
    unsorted = sum(int(lengths[batch].max()) * 32 for batch in shuffled)
    assert computed < 1.1 * lengths.sum()
    assert unsorted > 1.8 * lengths.sum()
    assert len(lengths) > 2 * 32 * POOL_BATCHES, "more than one pool"


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    features = [row(3 + index % 7, index) for index in range(50)]
    forwards, backwards = (TrainingBatches(features, 8, 0, seed=5) for _ in range(2))
    steps = range(3 * forwards.steps_per_epoch)
    assert forwards.steps_per_epoch == 7
    first = [whole(forwards, step).input_ids for step in steps]
    second = [whole(backwards, step).input_ids for step in reversed(steps)][::-1]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert [b.tolist() for b in forwards.plan(0)] != [b.tolist() for b in forwards.plan(1)]
    other = TrainingBatches(features, 8, 0, seed=6)
    assert [b.tolist() for b in forwards.plan(0)] != [b.tolist() for b in other.plan(0)]


@pytest.mark.parametrize("rows,batch_size,steps", [(1, 8, 1), (8, 8, 1), (9, 8, 2)])
def test_steps(rows: int, batch_size: int, steps: int) -> None:
    batches = TrainingBatches([row(3)] * rows, batch_size, 0, seed=0)
    assert batches.steps_per_epoch == steps
    assert sum(whole(batches, step).input_ids.shape[0] for step in range(steps)) == rows


def test_rows_of_one_example_stay_together() -> None:
    rows = [row(length, example) for example in range(7) for length in (5, 9, 3)]
    batches = TrainingBatches(rows, batch_size=2, pad_id=0, seed=4, together=True)
    assert batches.steps_per_epoch == 4
    plan = batches.plan(0)
    assert sorted(np.concatenate(plan).tolist()) == list(range(21))
    for step, indices in enumerate(plan):
        owners = [rows[index].example for index in indices]
        assert all(owners.count(owner) == 3 for owner in owners)
        assert whole(batches, step).examples.tolist() == owners


def test_targets_by_token_are_padded() -> None:
    @dataclass(frozen=True, slots=True)
    class Tagged(Features):
        target_padding: ClassVar[int | None] = -100

    rows = [
        Tagged(np.arange(n, dtype=np.int32), np.zeros(n, np.int8), False, n, np.arange(n)) for n in (2, 4)
    ]
    targets = collate(rows, 0).targets
    assert targets is not None
    assert targets.tolist() == [[0, 1, -100, -100], [0, 1, 2, 3]]
