"""Logits to labels: the one place that evaluation, prediction and serving share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Classification:
    """The class of one example."""

    label: str
    probabilities: dict[str, float]
    """Of every label, in the order of the labels; they sum to 1."""
    truncated: bool

    def to_dict(self) -> dict[str, Any]:
        """As written by ``predict``."""
        return {"label": self.label, "probabilities": self.probabilities, "truncated": self.truncated}


def decode(
    logits: NDArray[np.float32], labels: Sequence[str], truncated: Sequence[bool]
) -> list[Classification]:
    """The most probable label of each row of ``logits`` (N, C); of equal ones the first label."""
    if not len(logits):
        return []
    best = logits.argmax(axis=1)
    return [
        Classification(labels[index], dict(zip(labels, row.tolist(), strict=True)), cut)
        for index, row, cut in zip(best.tolist(), probabilities(logits), truncated, strict=True)
    ]


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Softmax over the last axis, in float64."""
    return np.exp(log_probabilities(logits))


def log_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logarithm of the softmax over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result
