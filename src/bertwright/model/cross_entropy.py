"""Cross-entropy over a large vocabulary without a float32 copy of the logits.

Axes: P positions, V classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from bertwright.execution.threads import over_spans

_WORTHWHILE = 1 << 20
"""Logits below which PyTorch's own operators do as well."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(logits)[label] for every position.

    Args:
        logits: (P, V), any floating dtype.
        labels: (P,) int64.

    Returns:
        (P,) float32, computed in float32.
    """
    if (
        logits.device.type != "cpu"
        or torch.compiler.is_compiling()
        or logits.numel() <= _WORTHWHILE
        or logits.dtype not in (torch.float32, torch.bfloat16)
    ):
        return F.cross_entropy(logits.float(), labels, reduction="none")
    losses: Tensor = _HostCrossEntropy.apply(logits, labels)  # type: ignore[no-untyped-call]
    return losses


class _HostCrossEntropy(torch.autograd.Function):
    """Log-sum-exp of a row forward, softmax minus one-hot backward."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        from bertwright.model import cross_entropy_kernel as kernel  # compiled, which only training waits for

        dense = logits.detach().contiguous()
        normalizers = torch.empty(len(logits))  # (P,)
        numbers, found = _numbers(dense), normalizers.numpy()
        normalize = kernel.normalizers_bf16 if numbers.dtype == np.int16 else kernel.normalizers
        over_spans(lambda begin, end: normalize(numbers[begin:end], found[begin:end]), len(found))
        ctx.save_for_backward(dense, labels, normalizers)
        return normalizers - dense.gather(1, labels[:, None]).squeeze(1).float()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        from bertwright.model import cross_entropy_kernel as kernel

        logits, labels, normalizers = ctx.saved_tensors
        result = torch.empty_like(logits)
        numbers, into = _numbers(logits), _numbers(result)
        of_rows = [tensor.contiguous().numpy() for tensor in (normalizers, labels, gradients[0])]
        differentiate = kernel.gradients_bf16 if numbers.dtype == np.int16 else kernel.gradients

        def span(begin: int, end: int) -> None:
            given = (values[begin:end] for values in of_rows)
            differentiate(numbers[begin:end], *given, into[begin:end])

        over_spans(span, len(logits))
        return result, None


def _numbers(dense: Tensor) -> NDArray[Any]:
    """The same memory, as the kernels take it."""
    numbers: NDArray[Any] = (dense.view(torch.int16) if dense.dtype == torch.bfloat16 else dense).numpy()
    return numbers
