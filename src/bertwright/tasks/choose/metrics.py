"""How often the right choice was taken, over all questions and by how many choices they have.

Axes: N questions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.measures import Floats, Sums, Values, figures, ratio


def choice_metrics(
    references: Sequence[int], predictions: Sequence[int], counts: Sequence[int]
) -> dict[str, float]:
    """``accuracy``, and ``accuracy_2`` and so on where questions have different numbers of choices.

    Args:
        references: the right choices, from 0.
        predictions: those that were taken.
        counts: how many choices each question has.
    """
    return figures(choice_measure(np.asarray(references) == np.asarray(predictions), np.asarray(counts)))


def choice_measure(right: NDArray[np.bool_], counts: NDArray[np.int64]) -> Sums:
    """The same as functions of the questions; both (N,): whether it was answered rightly, its choices."""
    distinct = np.unique(counts).tolist()
    parts = {"accuracy": np.ones(len(counts), dtype=np.bool_)}
    if len(distinct) > 1:
        parts |= {f"accuracy_{count}": counts == count for count in distinct}

    def finish(sums: Floats) -> Values:
        return {name: ratio(sums[:, 2 * place], sums[:, 2 * place + 1]) for place, name in enumerate(parts)}

    columns = [column for part in parts.values() for column in (part & right, part)]
    return Sums(np.column_stack(columns).astype(np.float64), finish)
