"""What the processor has instructions for."""

from __future__ import annotations

from functools import cache

import torch


def has_instructions(*names: str) -> bool:
    """Whether it has one of these, by PyTorch's names such as ``amx_bf16``; releases that do not say: no."""
    known = _capabilities()
    return any(known.get(name) for name in names)


@cache
def multiplies_bytes() -> bool:
    """Whether it has instructions (VNNI) with which PyTorch's product of bytes pays."""
    return has_instructions("avx512_vnni", "amx_int8")


@cache
def runs_mkl_slowly() -> bool:
    """Whether MKL, which PyTorch multiplies with in float32, leaves out what it has: AVX-512 of AMD's."""
    return _is_of_amd() and has_instructions("avx512_f")


def multiplies_bf16() -> bool:
    """Whether products in bf16 are faster than those in float32.

    Matrix units make them so (AMX, Arm's), and the AVX-512 BF16 of AMD's (Zen 5: twice the best float32, four
    times MKL's). With Intel's they take longer.
    """
    return has_instructions("amx_bf16", "bf16") or (_is_of_amd() and has_instructions("avx512_bf16"))


def name() -> str:
    """What it calls itself; empty where PyTorch does not say."""
    return str(_capabilities().get("cpu_name", ""))


def _is_of_amd() -> bool:
    return name().startswith("AMD")


def _capabilities() -> dict[str, object]:
    known: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return known
