"""The model's output to the number it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.tasks.regress.settings import RegressSettings


@dataclass(frozen=True, slots=True)
class Estimate:
    """The number for one example."""

    value: float
    truncated: bool

    def to_dict(self) -> dict[str, Any]:
        """As written by ``predict``."""
        return {"value": self.value, "truncated": self.truncated}


def values(
    outputs: Sequence[NDArray[np.float32]], offset: float, scale: float, settings: RegressSettings
) -> NDArray[np.float64]:
    """Outputs (N, 1) as numbers (N,): scaled, and moved into the range if that was asked for."""
    raw = np.asarray(outputs, dtype=np.float64).reshape(len(outputs)) * scale + offset
    if not settings.clip:
        return raw
    low = -np.inf if settings.minimum is None else settings.minimum
    high = np.inf if settings.maximum is None else settings.maximum
    return np.clip(raw, low, high)
