"""What the processor has instructions for."""

from __future__ import annotations

import torch


def has_instructions(*names: str) -> bool:
    """Whether it has one of these, by PyTorch's names such as ``amx_bf16``; releases that do not say: no."""
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(name) for name in names)
