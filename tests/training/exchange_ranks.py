"""Run by ``torchrun``: every rank passes slices around, and writes what it has got."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from bertwright.training.exchange import GatherBySending, ScatterBySending


def numbers(rank: int, count: int) -> torch.Tensor:
    """What rank ``rank`` has to give."""
    return torch.randn(count, generator=torch.Generator().manual_seed(rank))


def main(folder: Path, width: int) -> None:
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    rank, ranks = dist.get_rank(), dist.get_world_size()
    group = dist.group.WORLD
    assert group is not None
    own = numbers(rank, ranks * width)

    summed, expected = torch.empty(width), torch.empty(width)
    ScatterBySending()(summed, own, group, dist.ReduceOp.SUM)
    dist.reduce_scatter_tensor(expected, own.clone())

    gathered = torch.empty(ranks * width)
    place = gathered.chunk(ranks)[rank]
    place.copy_(own[:width])
    GatherBySending()(gathered, place, group)  # in place, as FSDP asks
    apart = torch.empty(ranks * width)
    GatherBySending()(apart, own[:width].clone(), group)

    with pytest.raises(NotImplementedError, match="added up, and nothing else"):
        ScatterBySending()(summed, own, group, dist.ReduceOp.AVG)
    found = {"summed": summed, "their_sum": expected, "gathered": gathered, "apart": apart}
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
