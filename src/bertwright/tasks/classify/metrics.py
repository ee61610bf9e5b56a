"""How good classes are: scikit-learn's definitions, with an undefined value counted as 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Classes = Sequence[int] | NDArray[np.int64]

NAMES = (
    "accuracy",
    "f1_macro",
    "f1_weighted",
    "matthews_correlation",
    "f1",
    "precision",
    "recall",
    "accuracy_and_f1",
)
"""The first four for any number of classes, the rest for two, where the second class is the positive one."""


def classification_metrics(references: Classes, predictions: Classes, num_labels: int) -> dict[str, float]:
    """The metrics of :data:`NAMES` that are defined for ``num_labels`` classes.

    Args:
        references: the true classes, from 0.
        predictions: the classes that the model gave.

    Macro and weighted F1 average over the classes that occur in either.
    """
    from sklearn import metrics as sklearn_metrics  # slow to import, and not needed to answer

    truth, given = np.asarray(references), np.asarray(predictions)
    values = {
        "accuracy": sklearn_metrics.accuracy_score(truth, given),
        "f1_macro": sklearn_metrics.f1_score(truth, given, average="macro", zero_division=0),
        "f1_weighted": sklearn_metrics.f1_score(truth, given, average="weighted", zero_division=0),
        "matthews_correlation": _matthews(truth, given),
    }
    if num_labels == 2:
        precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
            truth, given, average="binary", pos_label=1, zero_division=0
        )
        values |= {"f1": f1, "precision": precision, "recall": recall}
        values["accuracy_and_f1"] = (values["accuracy"] + f1) / 2
    return {name: float(value) for name, value in values.items()}


def confusion_matrix(references: Classes, predictions: Classes, num_labels: int) -> list[list[int]]:
    """Counts [true class][given class]."""
    from sklearn import metrics as sklearn_metrics

    matrix = sklearn_metrics.confusion_matrix(references, predictions, labels=list(range(num_labels)))
    counts: list[list[int]] = matrix.tolist()
    return counts


def _matthews(truth: NDArray[np.int64], given: NDArray[np.int64]) -> float:
    from sklearn import metrics as sklearn_metrics

    if len(np.unique(np.concatenate([truth, given]))) == 1:
        return 0.0  # scikit-learn's own answer, without its warning that there is a single label
    return float(sklearn_metrics.matthews_corrcoef(truth, given))
