"""Where a model is trained, evaluated and asked."""

from __future__ import annotations

import torch

from bertwright.errors import UsageError, quote


def device_named(name: torch.device | str) -> torch.device:
    """The device called ``name``; ``auto`` is a GPU where there is one.

    Raises:
        UsageError: there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"device: expected auto, cpu or cuda, got {quote(str(name))}") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            f"device: {device} was asked for, and this machine has none that torch can use (give cpu or auto)"
        )
    return device
