"""What the processor has instructions for."""

from __future__ import annotations

from functools import cache

import torch


def has_instructions(*names: str) -> bool:
    """Whether it has one of these, by PyTorch's names such as ``amx_bf16``; releases that do not say: no."""
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(name) for name in names)


@cache
def multiplies_bytes() -> bool:
    """Whether it has instructions (VNNI) with which PyTorch's product of bytes pays."""
    return has_instructions("avx512_vnni", "amx_int8")
