"""Gradients of one update: gathered over micro-batches and ranks, measured, clipped."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from bertwright.training.ranks import Ranks


class Gradients:
    """Gradients, summed over micro-batches by autograd and over ranks by one all-reduce."""

    def __init__(self, parameters: Iterable[nn.Parameter], ranks: Ranks) -> None:
        self._parameters = [p for p in parameters if p.requires_grad]
        self._ranks = ranks
        self._flat: Tensor | None = None
        if ranks.size > 1:
            self._flatten()

    def clear(self) -> None:
        """Forget the last update's gradients."""
        if self._flat is not None:
            self._flat.zero_()
            return
        for parameter in self._parameters:
            parameter.grad = None

    def reduce(self) -> None:
        """Add up over the ranks."""
        if self._flat is not None:
            self._ranks.sum(self._flat)

    def norm(self) -> Tensor:
        """Global L2 norm, a scalar tensor on the parameters' device."""
        if self._flat is not None:
            flat: Tensor = torch.linalg.vector_norm(self._flat)
            return flat
        norms = torch._foreach_norm([p.grad for p in self._parameters if p.grad is not None])
        total: Tensor = torch.linalg.vector_norm(torch.stack(list(norms)))
        return total

    def scale(self, factor: float) -> None:
        """Multiply all gradients."""
        if self._flat is not None:
            self._flat.mul_(factor)
        else:
            torch._foreach_mul_([p.grad for p in self._parameters if p.grad is not None], factor)

    def _flatten(self) -> None:
        """One buffer for all gradients, in which autograd adds in place: nothing is copied to be sent."""
        total = sum(p.numel() for p in self._parameters)
        self._flat = torch.zeros(total, dtype=torch.float32, device=self._parameters[0].device)
        begin = 0
        for parameter in self._parameters:
            parameter.grad = self._flat[begin : begin + parameter.numel()].view_as(parameter)
            begin += parameter.numel()
