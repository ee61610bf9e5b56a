"""Gradients of one update: gathered over micro-batches and ranks, measured, clipped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from bertwright.model.linear import copy_of
from bertwright.model.working_weights import gather, gradient_of
from bertwright.training.optimizer import Optimizer
from bertwright.training.ranks import Ranks
from bertwright.training.sharding import local, sharded

if TYPE_CHECKING:
    from torch.distributed.fsdp import FSDPModule


class Gradients:
    """Gradients, summed over micro-batches by autograd and over ranks by one all-reduce."""

    def __init__(self, parameters: Iterable[nn.Parameter], ranks: Ranks) -> None:
        self._parameters = [p for p in parameters if p.requires_grad]
        self._ranks = ranks
        self._flat: Tensor | None = None
        if ranks.size > 1:
            self._flatten()

    def expect(self, *, last: bool) -> None:
        """Told before the backward pass of a micro-batch: whether it is this rank's last of the update."""
        for parameter in self._parameters:
            gather(parameter)  # so that several micro-batches are added up in float32

    def clear(self) -> None:
        """Forget the last update's gradients."""
        if self._flat is not None:
            self._flat.zero_()
            return
        for parameter in self._parameters:
            parameter.grad = None
            copy = copy_of(parameter)
            if copy is not None:
                copy.grad = None

    def reduce(self) -> None:
        """Add up over the ranks."""
        for parameter in self._parameters:
            if parameter.grad is not None:  # else it stays in the copy, as the product left it
                gather(parameter)
        if self._flat is not None:
            self._ranks.sum(self._flat)

    def norm(self) -> Tensor:
        """Global L2 norm, a scalar tensor on the parameters' device."""
        if self._flat is not None:
            flat: Tensor = torch.linalg.vector_norm(self._flat)
            return flat
        norms = torch._foreach_norm(self._all(), dtype=torch.float32)
        total: Tensor = torch.linalg.vector_norm(torch.stack(list(norms)))
        return total

    def limit(self, optimizer: Optimizer, norm: float, most: float) -> None:
        """Have the next step of ``optimizer`` take gradients of norm ``norm`` as of ``most`` at most."""
        if optimizer.fused:  # it divides them in passing
            optimizer.grad_scale = torch.tensor(max(1.0, norm / most), device=self._parameters[0].device)
        elif norm > most:
            self.scale(most / norm)

    def scale(self, factor: float) -> None:
        """Multiply all gradients."""
        if self._flat is not None:
            self._flat.mul_(factor)
        else:
            for parameter in self._parameters:
                gather(parameter)
            torch._foreach_mul_(self._all(), factor)

    def _all(self) -> list[Tensor]:
        found = map(gradient_of, self._parameters)
        return [gradient for gradient in found if gradient is not None]

    def _flatten(self) -> None:
        """One buffer for all gradients, in which autograd adds in place: nothing is copied to be sent."""
        total = sum(p.numel() for p in self._parameters)
        self._flat = torch.zeros(total, dtype=torch.float32, device=self._parameters[0].device)
        begin = 0
        for parameter in self._parameters:
            parameter.grad = self._flat[begin : begin + parameter.numel()].view_as(parameter)
            begin += parameter.numel()


class ShardedGradients:
    """The slices of all gradients that this rank holds; FSDP adds them up over the ranks."""

    def __init__(self, model: FSDPModule, parameters: Iterable[nn.Parameter], ranks: Ranks) -> None:
        self._model = model
        self._parameters = [p for p in parameters if p.requires_grad]
        self._ranks = ranks

    def clear(self) -> None:
        """Forget the last update's gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def expect(self, *, last: bool) -> None:
        """Told before the backward pass of a micro-batch: they are sent once, after this rank's last."""
        self._model.set_requires_gradient_sync(last)

    def reduce(self) -> None:
        """Nothing: FSDP has added them up in the backward pass."""

    def norm(self) -> Tensor:
        """Global L2 norm, a scalar tensor on the parameters' device."""
        squares = torch.stack(torch._foreach_norm(self._slices())).square().sum()
        self._ranks.sum(squares)
        return squares.sqrt()

    def limit(self, _optimizer: Optimizer, norm: float, most: float) -> None:
        """Scale the gradients, whose norm is ``norm``, so that it is at most ``most``."""
        if norm > most:
            self.scale(most / norm)

    def scale(self, factor: float) -> None:
        """Multiply all gradients."""
        torch._foreach_mul_(self._slices(), factor)

    def _slices(self) -> list[Tensor]:
        return [local(p.grad) for p in self._parameters if p.grad is not None]


def gradients_of(model: nn.Module, ranks: Ranks) -> Gradients | ShardedGradients:
    """Those of ``model``, as its parameters are held."""
    shared_out = sharded(model)
    if shared_out is not None:
        return ShardedGradients(shared_out, model.parameters(), ranks)
    return Gradients(model.parameters(), ranks)
