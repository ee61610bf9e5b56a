"""AdamW, by PyTorch's fused kernel: one pass over the memory of weights, gradients and moments."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.optim.adamw import adamw

from bertwright.execution.threads import worthwhile_threads
from bertwright.model.host_tensors import numbers_of
from bertwright.model.linear import copy_of
from bertwright.model.working_weights import gather, gradient_of
from bertwright.training.optimizer import Optimizer

_LEAST = 1 << 15
"""Weights for which another thread does not cost more than it does."""


class AdamW(Optimizer):
    """``torch.optim.AdamW(fused=True)``, number by number (Loshchilov and Hutter, 2019, algorithm 2).

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        p = p - lr * weight_decay * p
        p = p - lr * (m / (1 - beta1 ** t)) / (sqrt(v / (1 - beta2 ** t)) + eps)

    ``grad_scale`` divides the gradients of the next steps, ``found_inf`` skips them where it is 1; both are
    scalar float32 tensors on the parameters' device.
    """

    fused: ClassVar[bool] = True
    remembers: ClassVar[tuple[str, ...]] = ("step", *Optimizer.remembers)

    def _begin(self, parameter: Tensor) -> dict[str, Tensor]:
        step = torch.zeros((), dtype=torch.float32, device=parameter.device)
        return {"step": step, **super()._begin(parameter)}

    def _update_with_copies(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        with_copy = [p for p in parameters if copy_of(p) is not None]
        for parameter in with_copy:
            self._update_both(parameter, group)
        super()._update_with_copies([p for p in parameters if copy_of(p) is None], group)

    def _update_both(self, parameter: Tensor, group: dict[str, Any]) -> None:
        """The parameter and its copy in bf16, by one pass of our kernel."""
        from bertwright.training.adamw_kernel import update_in_team  # compiled, which only training waits for

        if parameter.grad is not None:  # and the copy may have one too
            gather(parameter)
        copy, gradient, state = copy_of(parameter), gradient_of(parameter), self.state[parameter]
        assert copy is not None
        assert gradient is not None
        if self.found_inf is not None and self.found_inf.item():
            return
        state["step"] += 1
        (beta1, beta2), step, rate = group["betas"], state["step"].item(), group["lr"]
        constants = (
            1 if self.grad_scale is None else 1 / self.grad_scale.item(),
            1 - beta1,
            1 - beta2,
            1 - rate * group["weight_decay"],
            rate / (1 - beta1**step),
            (1 - beta2**step) ** -0.5,
            group["eps"],
        )
        tensors = parameter, copy, gradient.contiguous(), state["exp_avg"], state["exp_avg_sq"]
        arrays = (numbers_of(tensor.detach().view(-1)) for tensor in tensors)
        update_in_team(
            (*arrays, tuple(map(np.float32, constants))), worthwhile_threads(parameter.numel(), _LEAST)
        )
        torch.autograd.graph.increment_version((parameter, copy))  # which PyTorch has not seen written

    def _update(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        adamw(
            parameters,
            gradients,
            self._moments(parameters, "exp_avg"),
            self._moments(parameters, "exp_avg_sq"),
            [],
            self._moments(parameters, "step"),
            fused=True,
            grad_scale=self.grad_scale,
            found_inf=self.found_inf,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )
