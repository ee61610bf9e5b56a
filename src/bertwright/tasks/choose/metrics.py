"""How often the right choice was taken, over all questions and by how many choices they have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def choice_metrics(
    references: Sequence[int], predictions: Sequence[int], counts: Sequence[int]
) -> dict[str, float]:
    """``accuracy``, and ``accuracy_2`` and so on where questions have different numbers of choices.

    Args:
        references: the right choices, from 0.
        predictions: those that were taken.
        counts: how many choices each question has.
    """
    right = np.asarray(references) == np.asarray(predictions)
    numbers = np.asarray(counts)
    metrics = {"accuracy": float(right.mean())}
    distinct = np.unique(numbers).tolist()
    if len(distinct) > 1:
        metrics |= {f"accuracy_{n}": float(right[numbers == n].mean()) for n in distinct}
    return metrics
