from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
import pytest

from bertwright.data import epoch_plan
from bertwright.data.epoch_plan import EpochPlans
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.philox import stream_key
from bertwright.data.sentence_pairs import PairRule, document_pairs, fill_pairs
from bertwright.data.store import TokenStore

RULE = PairRule.of(InstanceSettings(max_length=24))


@pytest.fixture(scope="module")
def store() -> TokenStore:
    rng = np.random.default_rng(4)
    documents = [
        [rng.integers(5, 50, rng.integers(1, 20)).tolist() for _ in range(rng.integers(1, 9))]
        for _ in range(30)
    ]
    return TokenStore.from_documents(documents, 50)


def test_epochs_follow_each_other(store: TokenStore) -> None:
    plans = EpochPlans(store, RULE, seed=1, phase=0)
    counts = [plans.count(epoch) for epoch in range(6)]
    assert len(set(counts)) > 1
    assert [plans.start(epoch) for epoch in range(7)] == [0, *accumulate(counts)]
    places = [plans.locate(place) for place in range(sum(counts))]
    assert places == [(epoch, place) for epoch in range(6) for place in range(counts[epoch])]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each pass over the sentences whether it made a plan."""
    made: list[bool] = []

    def fill(*arguments: Any) -> Any:
        made.append(len(arguments[-1].label) > 0)
        return fill_pairs(*arguments)

    monkeypatch.setattr(epoch_plan, "fill_pairs", fill)
    return made


def test_an_epoch_that_is_read_costs_one_pass(store: TokenStore, passes: list[bool]) -> None:
    starts = [EpochPlans(store, RULE, seed=1, phase=0).start(epoch) for epoch in range(5)]
    passes.clear()
    plans = EpochPlans(store, RULE, seed=1, phase=0)
    for place in range(starts[4]):
        epoch, inside = plans.locate(place)
        assert place == starts[epoch] + inside
        assert inside < len(plans.plan(epoch).label)
    assert passes == [True] * 4


def test_epochs_before_are_only_counted(store: TokenStore, passes: list[bool]) -> None:
    starts = [EpochPlans(store, RULE, seed=1, phase=0).start(epoch) for epoch in range(6)]
    for place in (starts[4], (starts[4] + starts[5]) // 2, starts[5] - 1):
        passes.clear()
        plans = EpochPlans(store, RULE, seed=1, phase=0)
        assert plans.locate(place) == (4, place - starts[4])
        assert [plans.start(epoch) for epoch in range(6)] == starts
        planned = plans.plan(4)
        assert passes.count(False) >= 3
        again = EpochPlans(store, RULE, seed=1, phase=0).plan(4)
        assert all(np.array_equal(a, b) for a, b in zip(planned, again, strict=True))
    passes.clear()
    EpochPlans(store, RULE, seed=1, phase=0).locate((starts[4] + starts[5]) // 2)
    assert passes == [False] * 4 + [True]


def test_a_plan_is_the_pairs_of_all_documents_shuffled(store: TokenStore) -> None:
    plans = EpochPlans(store, RULE, seed=1, phase=3)
    plan = plans.plan(2)
    key = stream_key(1, "sentence pairs", 3, 2)
    offsets = store.document_offsets.tolist(), store.sentence_offsets.tolist()
    pairs = [tuple(p) for d in range(store.num_documents) for p in document_pairs(*offsets, d, key, RULE)]
    found = list(zip(*(column.tolist() for column in plan), strict=True))
    assert len(found) == plans.count(2)
    assert found != pairs
    assert sorted(found) == sorted(pairs)


def test_plans_are_kept_for_the_last_two_epochs(store: TokenStore) -> None:
    plans = EpochPlans(store, RULE, seed=1, phase=0)
    first = plans.plan(0)
    assert plans.plan(0) is first
    second = plans.plan(1)
    assert plans.plan(0) is first and plans.plan(1) is second
    third = plans.plan(2)
    assert plans.plan(1) is second and plans.plan(2) is third
    again = plans.plan(0)
    assert again is not first
    assert all(np.array_equal(a, b) for a, b in zip(again, first, strict=True))


def test_epochs_phases_and_seeds_differ(store: TokenStore) -> None:
    plans = [
        EpochPlans(store, RULE, seed, phase).plan(epoch)
        for seed in (0, 1)
        for phase in (0, 1)
        for epoch in (0, 1)
    ]
    texts = {b"".join(column.tobytes() for column in plan) for plan in plans}
    assert len(texts) == 8
