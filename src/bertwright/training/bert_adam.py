"""BERT's own Adam: without bias correction, decay added to the update."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bertwright.training.optimizer import Optimizer


class BertAdam(Optimizer):
    """``AdamWeightDecayOptimizer`` of google-research/bert (``optimization.py``).

    ::

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        p = p - lr * (m / (sqrt(v) + eps) + weight_decay * p)

    There is no bias correction, so the first steps are larger than AdamW's: use it with a warm-up.
    """

    def _update(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        first, second = (self._moments(parameters, name) for name in ("exp_avg", "exp_avg_sq"))
        beta1, beta2 = group["betas"]
        torch._foreach_lerp_(first, gradients, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta2)
        scale = torch._foreach_sqrt(second)
        torch._foreach_add_(scale, group["eps"])
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_addcdiv_(parameters, first, scale, -group["lr"])
