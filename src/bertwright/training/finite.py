"""Losses and gradients that are no numbers: refused before an update, or told after one that was left out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bertwright.errors import NonFiniteError
from bertwright.training.pace import Moment


def require_finite(moment: Moment, loss: Tensor, norm: Tensor) -> float:
    """The norm of an update's gradient, once the device has computed it.

    Raises:
        NonFiniteError: loss or norm is not a number; nothing was changed yet.
    """
    length = float(norm.item())
    if not math.isfinite(length) or not math.isfinite(loss.item()):
        left = f"the weights are still those of step {moment.step}"
        raise NonFiniteError(f"{_told(moment, loss, norm)}; {left} (try a lower rate)")
    return length


class Unchecked:
    """Updates that the device was left to judge, lest the host wait; it skips what is no number."""

    def __init__(self) -> None:
        self._updates: list[tuple[Moment, Tensor, Tensor]] = []

    def __len__(self) -> int:
        return len(self._updates)

    def add(self, moment: Moment, loss: Tensor, norm: Tensor) -> Tensor:
        """One more; whether it is to be skipped: a scalar float32 tensor on the device, 1 or 0."""
        self._updates.append((moment, loss, norm))
        return (~torch.isfinite(norm + loss)).float()

    def check(self, step: int) -> None:
        """Wait for the device, and look at what it found.

        Args:
            step: updates that it was given so far.

        Raises:
            NonFiniteError: it skipped one, and made those after it.
        """
        for moment, loss, norm in self._updates:
            if not bool(torch.isfinite(norm + loss)):
                raise NonFiniteError(
                    f"{_told(moment, loss, norm)}; that update was left out, and the run ended after step "
                    f"{step} with nothing saved in between (try a lower rate)"
                )
        self._updates.clear()


def _told(moment: Moment, loss: Tensor, norm: Tensor) -> str:
    where = f"batch {moment.step_in_phase} of phase {moment.phase}"
    return f"step {moment.step + 1} ({where}): loss {loss.item()}, gradient norm {norm.item()}"
