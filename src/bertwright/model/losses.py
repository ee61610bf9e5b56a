"""The loss of tokens, and that of classes: also of next sentences.

Axes: P masked positions, V vocabulary, B rows of a batch, C classes.
All are sums over what is here divided by a total, so that parts of a batch (micro-batches, ranks) add up
to the loss of the whole batch when each is given the total of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from bertwright.model.cross_entropy import cross_entropy

EPSILON = 1e-5
"""Keeps the masked-language loss of a batch without masked tokens at 0 (``get_masked_lm_output``)."""


def masked_language_loss(logits: Tensor, labels: Tensor, *, total: float | None = None) -> Tensor:
    """sum(cross-entropy) / (P + 1e-5), P without those that are ignored where ``total`` says so.

    Args:
        logits: (P, V), any floating dtype; the loss is float32.
        labels: (P,) int64, the tokens that were masked, and
            :data:`~bertwright.model.cross_entropy.IGNORED`.
        total: P of the whole batch, when this is only a part of it.

    Returns:
        A float32 scalar.
    """
    return cross_entropy(logits, labels).sum() / ((labels.numel() if total is None else total) + EPSILON)


def classification_loss(
    logits: Tensor, labels: Tensor, *, total: float | None = None, weights: Sequence[float] | None = None
) -> Tensor:
    """Mean cross-entropy of (B, C) logits against (B,) class numbers; float32.

    ``total`` is the number of rows of the whole batch, when this is only a part of it. ``weights`` is what a
    row of each class counts: sum(w * ce) / sum(w).
    """
    if weights is None:
        return F.cross_entropy(logits.float(), labels, reduction="sum") / (total or labels.shape[0])
    return F.cross_entropy(logits.float(), labels, weight=logits.new_tensor(weights, dtype=torch.float32))
