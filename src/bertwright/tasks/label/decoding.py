"""Logits to sets of labels: the one place that evaluation, prediction and serving share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labels of one example."""

    labels: tuple[str, ...]
    """Those given, in the order of the labels; there may be none."""
    probabilities: dict[str, float]
    """Of every label by itself."""
    truncated: bool

    def to_dict(self) -> dict[str, Any]:
        """As written by ``predict``."""
        return {
            "labels": list(self.labels),
            "probabilities": self.probabilities,
            "truncated": self.truncated,
        }


def probabilities(outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """The logistic function of logits (N, C), in float64."""
    logits = np.asarray(outputs, dtype=np.float64)
    result: NDArray[np.float64] = np.exp(-np.logaddexp(0.0, -logits))
    return result


def decode(
    outputs: Sequence[NDArray[np.float32]],
    labels: Sequence[str],
    thresholds: Sequence[float],
    truncated: Sequence[bool],
) -> list[Labelled]:
    """Every label whose probability is at least its threshold."""
    answers = []
    for row, cut in zip(probabilities(outputs).tolist(), truncated, strict=True):
        each = dict(zip(labels, row, strict=True))
        given = tuple(label for label, least in zip(labels, thresholds, strict=True) if each[label] >= least)
        answers.append(Labelled(given, each, cut))
    return answers
