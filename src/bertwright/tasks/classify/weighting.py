"""How much each class counts in the loss, so that a rare one is not given up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from bertwright.errors import SettingsError, did_you_mean

ClassWeights = Literal["balanced"] | Mapping[str, float]


def class_weights(
    wanted: ClassWeights | None, labels: Sequence[str], targets: Iterable[str | None]
) -> tuple[float, ...] | None:
    """The weight of every label, in order; None where all count alike.

    ``balanced`` is rows / (classes * rows of the class), as scikit-learn has it.

    Raises:
        SettingsError: a weight for a label that there is not.
    """
    if wanted is None:
        return None
    if wanted == "balanced":
        counts = Counter(targets)
        rows = sum(counts.values())
        return tuple(rows / (len(labels) * counts[label]) for label in labels)
    for name in wanted:
        if name not in labels:
            hint = did_you_mean(name, labels)
            raise SettingsError(f"class_weights: expected one of the labels, got {name}{hint}")
    return tuple(wanted.get(label, 1.0) for label in labels)
