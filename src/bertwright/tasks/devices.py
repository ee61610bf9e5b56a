"""Where a task is trained and evaluated."""

from __future__ import annotations

import torch

from bertwright.errors import UsageError


def training_device(name: str) -> torch.device:
    """``auto``, ``cpu`` or ``cuda`` as a device; ``auto`` is a GPU where there is one.

    Raises:
        UsageError: ``cuda`` on a machine without one.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device: expected a GPU for cuda, got a machine without one (use device = cpu)")
    return torch.device("cpu" if name == "cpu" or not torch.cuda.is_available() else "cuda")
