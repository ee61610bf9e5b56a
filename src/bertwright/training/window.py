"""What has happened since the last line of the log."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Window:
    """Sums of the metrics since the last record; kept on the device, so that no step waits for the host."""

    def __init__(self) -> None:
        self.steps = 0
        self.tokens = 0
        self.flops = 0.0
        self.seconds = 0.0
        self.last: dict[str, float] = {}
        """What is not averaged but told as it was at the last update: rate, phase, progress."""
        self._names: list[str] = []
        self._sums: Tensor | None = None

    def add(self, names: list[str], values: Tensor, tokens: int, flops: float) -> None:
        """One more update; ``values`` (float64, one a name) are those of its global batch."""
        self._names = names
        self._sums = values.clone() if self._sums is None else self._sums + values
        self.steps += 1
        self.tokens += tokens
        self.flops += flops

    def means(self) -> dict[str, float]:
        """Mean of every metric over the window's updates. Waits for the device."""
        if self._sums is None:
            return {}
        return dict(zip(self._names, (self._sums / self.steps).tolist(), strict=True))

    def state(self) -> dict[str, Any]:
        """For a checkpoint (JSON; Python writes a float so that it is read back exactly)."""
        return {
            "steps": self.steps,
            "tokens": self.tokens,
            "flops": self.flops,
            "seconds": self.seconds,
            "last": self.last,
            "names": self._names,
            "sums": [] if self._sums is None else self._sums.tolist(),
        }

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from what :meth:`state` returned."""
        self.steps, self.tokens = int(state["steps"]), int(state["tokens"])
        self.flops, self.seconds = float(state["flops"]), float(state["seconds"])
        self.last, self._names = dict(state["last"]), list(state["names"])
        self._sums = torch.tensor(state["sums"], dtype=torch.float64, device=device) if self.steps else None
