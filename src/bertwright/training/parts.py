"""What passes between a recipe and the loop: batches, losses, and the recipe's own state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from torch import Tensor

Part = TypeVar("Part")


@dataclass(frozen=True)
class GlobalBatch(Generic[Part]):
    """The examples of one update, over all ranks."""

    parts: Sequence[Part]
    """Micro-batches, in the same order on every rank."""
    tokens: int
    """Tokens in all parts, padding not counted."""
    flops: float = 0.0
    """Floating-point operations of forward and backward over all parts."""


@dataclass(frozen=True)
class StepLoss:
    """What the loss function says of one micro-batch.

    Everything is normalized by the whole global batch, so that parts add up: neither accumulation nor the
    number of ranks changes a loss.
    """

    loss: Tensor
    """Scalar to differentiate."""
    metrics: dict[str, Tensor]
    """Scalars to log; the same names every time."""


class Carried(Protocol):
    """What a recipe keeps besides the loop's own state, such as the best weights so far."""

    def state(self) -> dict[str, Any]:
        """As JSON, for the checkpoint that is about to be saved; what is larger is written by the recipe."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned."""
