"""What every optimizer has: groups of parameters, what it remembers of each, and a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from bertwright.model.linear import copy_of
from bertwright.model.working_weights import gather, gradient_of


class Optimizer(ABC):
    """Updates parameters by their gradients, as ``torch.optim.Optimizer`` does and with its names.

    It is not one of those, because they import PyTorch's compiler when made: nearly two seconds, which every
    start of a training would pay.

    Args:
        groups: each with its ``params`` and ``weight_decay``; more keys are kept for others.
        lr: learning rate of the next step, of groups without one; the loop sets it before each step.
        betas: decay rates of the two moments.
        eps: added to the root of the second moment.
        weight_decay: of groups that do not say; decoupled from the gradient, multiplied by the rate.
    """

    fused: ClassVar[bool] = False
    """Whether a step can be scaled, or skipped, by tensors on the device (``grad_scale``, ``found_inf``)."""

    remembers: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")
    """Names of the tensors that are kept of each parameter; all but ``step`` are as large as it."""

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        self.param_groups: list[dict[str, Any]] = [defaults | group for group in groups]
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)
        self.grad_scale: Tensor | None = None
        self.found_inf: Tensor | None = None

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient; ``grad_scale`` is for this step alone."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if gradient_of(p) is not None]
            for parameter in parameters:
                if not self.state[parameter]:
                    self.state[parameter] = self._begin(parameter)
            self._update_with_copies(parameters, group)
        self.grad_scale = None

    def _begin(self, parameter: Tensor) -> dict[str, Tensor]:
        """What is remembered of ``parameter`` before its first update."""
        return {name: torch.zeros_like(parameter) for name in Optimizer.remembers}

    def _update_with_copies(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """The parameters, and the copies in bf16 of those that have one, which may hold the gradient."""
        if not parameters:
            return
        for parameter in parameters:
            gather(parameter)
        self._update(parameters, [p.grad for p in parameters if p.grad is not None], group)
        for parameter in parameters:
            copy = copy_of(parameter)
            if copy is not None:
                copy.copy_(parameter)

    @abstractmethod
    def _update(self, parameters: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None: ...

    def _moments(self, parameters: list[Tensor], name: str) -> list[Tensor]:
        return [self.state[parameter][name] for parameter in parameters]
