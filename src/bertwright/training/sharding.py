"""Weights, gradients and moments shared out among the ranks (FSDP2), where none can hold them all.

Each rank keeps a slice of every parameter; a block is put together when it is computed and given up again
after. What is saved is whole, so that a run may go on sharded or not, on any number of ranks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from bertwright.training.exchange import GatherBySending, ScatterBySending

if TYPE_CHECKING:  # half a second to import, which only a sharded run should pay
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor


def shard(model: nn.Module, blocks: Iterable[nn.Module], ranks: int) -> None:
    """Share the parameters of ``model`` out among all ranks, in place; the optimizer is to be built after.

    Args:
        model: the same on every rank, on its device; from now on every forward and backward pass of it takes
            all ranks.
        blocks: parts of it that are put together one at a time.
        ranks: how many there are.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(next(model.parameters()).device.type, (ranks,))
    for module in (*blocks, model):
        part = fully_shard(module, mesh=mesh)
        part.set_force_sum_reduction_for_comms(True)
        part.set_gradient_divide_factor(1.0)  # gradients are sums over the ranks, as elsewhere
        if mesh.device_type == "cpu":
            # Their classes are not public; FSDP calls what they define.
            part.set_custom_all_gather(GatherBySending())  # type: ignore[arg-type]
            part.set_custom_reduce_scatter(ScatterBySending())  # type: ignore[arg-type]


def sharded(model: nn.Module) -> FSDPModule | None:
    """The model, if :func:`shard` was applied to it."""
    return cast("FSDPModule", model) if any(map(_in_part, model.parameters())) else None


def whole(tensor: Tensor) -> Tensor:
    """All of a parameter or moment. Of a sharded one every rank has to ask, and gets it."""
    return cast("DTensor", tensor.detach()).full_tensor() if _in_part(tensor) else tensor.detach()


def local(tensor: Tensor) -> Tensor:
    """What this rank holds of ``tensor``; the same memory."""
    return cast("DTensor", tensor).to_local() if _in_part(tensor) else tensor


def as_held(value: Tensor, like: Tensor) -> Tensor:
    """``value``, whole, as ``like`` is held: on its device, and of a sharded one this rank's slice."""
    value = value.to(like.device)
    if not _in_part(like):
        return value
    from torch.distributed.tensor import distribute_tensor

    held = cast("DTensor", like)
    # Every rank has read the whole value, so nothing is sent.
    return distribute_tensor(value, held.device_mesh, held.placements, src_data_rank=None)


def _in_part(tensor: Tensor) -> bool:
    return hasattr(tensor, "device_mesh")
