"""Cross-entropy over a large vocabulary without a float32 copy of the logits.

Axes: P positions, V classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_CHUNK = 1 << 20
"""Logits that are in float32 at one time: 4 MiB, which stays in the cache."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(logits)[label] for every position.

    Args:
        logits: (P, V), any floating dtype.
        labels: (P,) int64.

    Returns:
        (P,) float32, computed in float32.
    """
    if logits.device.type != "cpu" or torch.compiler.is_compiling() or logits.numel() <= _CHUNK:
        return F.cross_entropy(logits.float(), labels, reduction="none")
    losses: Tensor = _HostCrossEntropy.apply(logits, labels)  # type: ignore[no-untyped-call]
    return losses


class _HostCrossEntropy(torch.autograd.Function):
    """A few rows at a time: log-sum-exp forward, softmax minus one-hot backward."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        rows = max(1, _CHUNK // logits.shape[1])
        normalizers = torch.cat([chunk.float().logsumexp(-1) for chunk in torch.split(logits, rows)])  # (P,)
        ctx.save_for_backward(logits, labels, normalizers)
        return normalizers - logits.gather(1, labels[:, None]).squeeze(1).float()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        logits, labels, normalizers = ctx.saved_tensors
        rows = max(1, _CHUNK // logits.shape[1])
        result = torch.empty_like(logits)
        for start in range(0, len(logits), rows):
            part = slice(start, start + rows)
            weights, label = gradients[0][part, None], labels[part, None]  # (p, 1)
            chunk = logits[part].float().sub_(normalizers[part, None]).exp_().mul_(weights)  # (p, V)
            chunk.scatter_add_(1, label, -weights)
            result[part] = chunk
        return result, None
