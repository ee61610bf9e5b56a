"""Cross-entropy over a large vocabulary without a float32 copy of the logits.

Axes: P positions, V classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bertwright.execution.threads import worthwhile_threads
from bertwright.model.host_tensors import is_on_host, numbers_of

IGNORED = -100
"""A label that asks for nothing (PyTorch's own)."""

_WORTHWHILE = 1 << 20
"""Logits below which PyTorch's own operators do as well."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(logits)[label] for every position.

    Args:
        logits: (P, V), any floating dtype.
        labels: (P,) int64, or :data:`IGNORED`.

    Returns:
        (P,) float32, computed in float32; 0 where nothing is asked for.
    """
    if (
        not is_on_host(logits)
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
        numbers, found = numbers_of(dense), normalizers.numpy()
        kernel.normalizers_in_team((numbers, found), worthwhile_threads(len(found), 1))
        ctx.save_for_backward(dense, labels, normalizers)
        ignored = labels == IGNORED
        said = dense.gather(1, labels.masked_fill(ignored, 0)[:, None]).squeeze(1)
        return (normalizers - said.float()).masked_fill_(ignored, 0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        from bertwright.model import cross_entropy_kernel as kernel

        logits, labels, normalizers = ctx.saved_tensors
        result = torch.empty_like(logits)
        tensors = (logits, normalizers, labels.contiguous(), gradients[0].contiguous(), result)
        kernel.gradients_in_team(tuple(map(numbers_of, tensors)), worthwhile_threads(len(logits), 1))
        return result, None
