"""How the micro-batches of an update fall to the ranks."""

from __future__ import annotations

from bertwright.errors import UsageError
from bertwright.pretraining.config import PretrainingSettings
from bertwright.training.ranks import Ranks


def shared_out(settings: PretrainingSettings, ranks: Ranks) -> PretrainingSettings:
    """``settings`` with micro-batches so small that every rank has one, unless their size is asked for."""
    at_once = [settings.instances_at_once(phase.length) for phase in settings.phases]
    rows = settings.instances_per_update
    if settings.micro_batch_size is not None or -(-rows // max(at_once)) >= ranks.size:
        return settings
    return settings.model_copy(update={"micro_batch_size": max(1, min(rows // ranks.size, *at_once))})


def require_shares(settings: PretrainingSettings, ranks: Ranks) -> None:
    """Every rank needs a micro-batch of its own in every phase; sharded, all of them equally many.

    Raises:
        UsageError: naming the largest micro-batch size that works.
    """
    rows = settings.instances_per_update
    if rows < ranks.size:
        raise UsageError(f"batch_size: expected at least the number of ranks {ranks.size}, got {rows}")
    largest = max(settings.instances_at_once(phase.length) for phase in settings.phases)
    even = f"(even shares: --set micro_batch_size={rows // ranks.size})"
    if -(-rows // largest) < ranks.size:
        fitting = -(-rows // (ranks.size - 1)) - 1
        raise UsageError(
            f"micro_batch_size: {ranks.size} ranks cannot share the micro-batches of an update of {rows}, "
            f"expected at most {fitting}, got {largest} {even}"
        )
    if not settings.shard:
        return
    for phase in settings.phases:  # a rank without a part would leave the others waiting for its slices
        at_once = settings.instances_at_once(phase.length)
        parts = -(-rows // at_once)
        if parts % ranks.size:
            raise UsageError(
                f"micro_batch_size: with shard, expected micro-batches of an update of {rows} in equal "
                f"numbers for {ranks.size} ranks, got {parts} (of {at_once}) {even}"
            )
