"""What this machine can multiply: the yardstick for how well a run uses it."""

from __future__ import annotations

import time
from functools import cache

import torch

from bertwright.training.choices import Precision

_SIZES = {"cpu": 1024, "cuda": 8192}


@cache
def matmul_peak(device_type: str, precision: Precision) -> float:
    """As :func:`measured_peak`, with the threads of the first time, and not measured again."""
    return measured_peak(device_type, precision)


def measured_peak(device_type: str, precision: Precision, seconds: float = 0.3) -> float:
    """Floating-point operations a second of the best square matrix product seen in ``seconds``.

    Counts 2 * n**3 operations for a product of two n x n matrices; n = 1024 on a CPU, 8192 on a GPU.
    """
    size = _SIZES.get(device_type, 1024)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    with torch.inference_mode():
        # Random numbers: constant ones let a GPU run faster than any real data does.
        draw = torch.Generator(device_type).manual_seed(0)
        left, right = (torch.randn((size, size), device=device_type, generator=draw).to(dtype) for _ in "ab")
        _timed(left, right)  # the first product sets up the library
        end = time.perf_counter() + seconds
        best = _timed(left, right)
        while time.perf_counter() < end:
            best = min(best, _timed(left, right))
    return 2.0 * size**3 / best


def _timed(left: torch.Tensor, right: torch.Tensor) -> float:
    start = time.perf_counter()
    left @ right
    if left.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start
