"""How good sets of labels are: scikit-learn's definitions.

What is undefined for want of any label, in truth and answers, counts as right: a row without labels that was
given none has F1 1, and a label that occurs in neither is left out of the macro average.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NAMES = ("f1_micro", "f1_macro", "f1_samples", "exact_match")


def label_metrics(truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> dict[str, float]:
    """The metrics of :data:`NAMES`; both matrices are (N, C)."""
    from sklearn import metrics as sklearn_metrics  # slow to import, and not needed to answer

    if not (truth.any() or given.any()):
        return dict.fromkeys(NAMES, 1.0)
    occurs = truth.any(axis=0) | given.any(axis=0)
    # one more column, which is wrong nowhere, keeps scikit-learn from reading a single label as two classes
    wide = [np.column_stack([side[:, occurs], np.zeros(len(side), bool)]) for side in (truth, given)]
    micro = sklearn_metrics.f1_score(*wide, average="micro", zero_division=0)
    each = sklearn_metrics.f1_score(*wide, average=None, zero_division=0)[:-1]
    samples = sklearn_metrics.f1_score(*wide, average="samples", zero_division=1.0)
    return {
        "f1_micro": float(micro),
        "f1_macro": float(each.mean()),
        "f1_samples": float(samples),
        "exact_match": float((truth == given).all(axis=1).mean()),
    }
