"""Every rank has a micro-batch in every phase, sharded all of them equally many; what is advised works."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pretraining.small_run import settings

from bertwright.errors import UsageError
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.shares import require_shares, shared_out
from bertwright.training.ranks import Ranks


def refusal(chosen: PretrainingSettings, ranks: int, *, resumed: bool = False) -> str | None:
    """Why so many ranks cannot share its updates; None where they can."""
    try:
        require_shares(chosen, Ranks(0, ranks), resumed=resumed)
    except UsageError as problem:
        return problem.message
    return None


def advised(message: str) -> int:
    return int(re.findall("--set micro_batch_size=([0-9]+)", message)[0])


@pytest.mark.parametrize("ranks", range(2, 9))
def test_too_few_micro_batches(ranks: int) -> None:
    message = refusal(settings(micro_batch_size=8), ranks) or ""
    assert message.startswith(f"micro_batch_size: {ranks} ranks cannot share")
    largest = int(re.findall("at most ([0-9]+)", message)[0])
    assert -(-8 // largest) >= ranks > -(-8 // (largest + 1))
    for size in (largest, advised(message)):
        assert refusal(settings(micro_batch_size=size), ranks) is None


def test_fewer_rows_than_ranks() -> None:
    assert refusal(settings(), 9) == "batch_size: expected at least the number of ranks 9, got 8"


@pytest.mark.parametrize("rows", [8, 32, 100, 256])
@pytest.mark.parametrize("ranks", [2, 3, 5, 6, 7, 8])
@pytest.mark.parametrize("size", [1, 3, 7, 8])
def test_what_is_advised_to_a_sharded_run_works(rows: int, ranks: int, size: int) -> None:
    chosen = {"shard": True, "batch_size": rows}
    message = refusal(settings(**chosen, micro_batch_size=size), ranks)
    if message is None:
        assert -(-rows // size) % ranks == 0
    elif message.startswith("batch_size"):
        assert message.endswith(
            f"{ranks} ranks cannot share {rows} evenly in micro-batches of at most {size}"
        )
        assert all(-(-rows // smaller) % ranks for smaller in range(1, size + 1))
    else:
        assert advised(message) <= size, "larger ones may need more memory than there is"
        assert refusal(settings(**chosen, micro_batch_size=advised(message)), ranks) is None


@pytest.mark.parametrize("shard", [False, True])
@pytest.mark.parametrize(("rows", "ranks"), [(32, 1), (32, 3), (32, 8), (256, 3), (256, 6), (256, 8)])
def test_by_default_ranks_have_their_shares(rows: int, ranks: int, shard: bool) -> None:
    """Also where their number does not divide the batch: 256 rows are 18 micro-batches for three ranks."""
    lengths = {"sequence_length": 128, "long_sequence_length": 512, "max_position_embeddings": 512}
    open_one = settings(**lengths, shard=shard, batch_size=rows, micro_batch_size=None)
    found = shared_out(open_one, Ranks(0, ranks))
    assert refusal(found, ranks) is None
    most = min(open_one.instances_at_once(phase.length) for phase in open_one.phases)
    assert found == open_one or 0 < (found.micro_batch_size or 0) <= most


@pytest.mark.parametrize(
    ("changes", "ranks", "told"),
    [
        (
            {"micro_batch_size": 4},
            3,
            "updates of 2 micro-batches (resume with at most 2 ranks)",
        ),
        ({"micro_batch_size": 2, "shard": True}, 3, "divides 4, or with --set shard=false)"),
        ({"micro_batch_size": 8, "batch_size": 8}, 9, "(resume with at most 1 rank)"),
    ],
)
def test_a_resumed_run_is_advised_what_it_may_change(changes: dict[str, Any], ranks: int, told: str) -> None:
    message = refusal(settings(**changes), ranks, resumed=True) or ""
    assert told in message and "micro_batch_size" not in message and "batch_size:" not in message


def test_micro_batches_leave_room_for_as_many_ranks() -> None:
    """One process alone takes an update as a whole, unless it is told to leave room."""
    alone = shared_out(settings(batch_size=32, micro_batch_size=None), Ranks())
    assert "(resume with at most 1 rank)" in (refusal(alone, 2, resumed=True) or "")
    roomy = settings(batch_size=32, micro_batch_size=8)
    assert [refusal(roomy, ranks, resumed=True) is None for ranks in (2, 3, 4, 5)] == [True] * 3 + [False]


def test_a_resumed_run_that_the_ranks_can_share() -> None:
    assert refusal(settings(micro_batch_size=2, shard=True), 4, resumed=True) is None
    assert refusal(settings(micro_batch_size=2), 3, resumed=True) is None
