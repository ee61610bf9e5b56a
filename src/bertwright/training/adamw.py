"""AdamW, by PyTorch's fused kernel: one pass over the memory of weights, gradients and moments."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from bertwright.training.optimizer import Optimizer


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
