"""How the micro-batches of an update fall to the ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bertwright.errors import UsageError, counted
from bertwright.pretraining.config import PretrainingSettings
from bertwright.training.ranks import Ranks


def shared_out(settings: PretrainingSettings, ranks: Ranks) -> PretrainingSettings:
    """``settings`` with micro-batches so small that every rank has one, unless their size is asked for.

    Sharded, every rank has equally many; where no size gives that, the settings stay as they are.
    """
    if settings.micro_batch_size is not None or _are_shared(settings, ranks):
        return settings
    rows, most = settings.instances_per_update, _smallest(settings)
    size = _even(rows, most, ranks.size) if settings.shard else max(1, min(rows // ranks.size, most))
    return settings.model_copy(update={"micro_batch_size": size})


def require_shares(settings: PretrainingSettings, ranks: Ranks, *, resumed: bool = False) -> None:
    """Every rank needs a micro-batch of its own in every phase; sharded, all of them equally many.

    Args:
        resumed: the batches are those of a run that was begun: the number of ranks alone can change.

    Raises:
        UsageError: naming what works.
    """
    if _are_shared(settings, ranks):
        return
    if resumed:
        raise _other_ranks(settings, ranks)
    rows = settings.instances_per_update
    if rows < ranks.size:
        raise UsageError(f"batch_size: expected at least the number of ranks {ranks.size}, got {rows}")
    most = _smallest(settings)
    size = _even(rows, most, ranks.size)
    if settings.shard and size is None:
        raise UsageError(
            f"batch_size: with shard, {ranks.size} ranks cannot share {rows} evenly in micro-batches of "
            f"at most {most}"
        )
    parts = _parts(settings)
    if min(parts) >= ranks.size:
        raise UsageError(
            f"micro_batch_size: with shard, expected micro-batches of an update of {rows} in equal "
            f"numbers for {ranks.size} ranks, got {_told(parts)} "
            f"(--set micro_batch_size={size})"
        )
    usual = [phase for phase in settings.phases if phase.instances == rows]  # not the opening
    largest = max(map(settings.instances_at_once, usual))
    fitting = -(-rows // (ranks.size - 1)) - 1
    raise UsageError(
        f"micro_batch_size: {ranks.size} ranks cannot share the micro-batches of an update of {rows}, "
        f"expected at most {fitting}, got {largest} (--set micro_batch_size={size or fitting})"
    )


def _are_shared(settings: PretrainingSettings, ranks: Ranks) -> bool:
    parts = _parts(settings)
    if settings.shard:  # a rank without a part would leave the others waiting for its slices
        return all(count % ranks.size == 0 for count in parts)
    return min(parts) >= ranks.size


def _other_ranks(settings: PretrainingSettings, ranks: Ranks) -> UsageError:
    """What to say of a run that so many ranks cannot go on with."""
    parts = _parts(settings)
    if settings.shard:
        hint = f"resume with a number of ranks that divides {math.gcd(*parts)}, or with --set shard=false"
    else:
        hint = f"resume with at most {counted(min(parts), 'rank')}"
    return UsageError(f"{ranks.size} ranks cannot share updates of {_told(parts)} micro-batches ({hint})")


def _parts(settings: PretrainingSettings) -> list[int]:
    """Micro-batches of an update, phase by phase."""
    return [-(-phase.instances // settings.instances_at_once(phase)) for phase in settings.phases]


def _told(parts: Sequence[int]) -> str:
    return " and ".join(map(str, dict.fromkeys(parts)))


def _smallest(settings: PretrainingSettings) -> int:
    """The micro-batch size of all phases for which none needs more memory than it does now."""
    return min(map(settings.instances_at_once, settings.phases))


def _even(rows: int, most: int, ranks: int) -> int | None:
    """The largest micro-batch, at most ``most``, of which all ranks have equally many."""
    for parts in range(ranks, rows + 1, ranks):
        size = -(-rows // parts)
        if size <= most and -(-rows // size) == parts:
            return size
    return None
