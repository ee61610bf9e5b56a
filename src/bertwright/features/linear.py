"""Logistic regression on the vectors of a frozen encoder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

STRENGTHS = (0.003, 0.03, 0.3, 3.0)
"""Inverse strengths of regularization to choose from, ``C`` of scikit-learn."""
MAX_ITERATIONS = 500

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class LinearClassifier:
    """log softmax(standardized vectors W + b)."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    """(H,) each: of the training vectors."""
    weight: NDArray[np.float64]
    """(H, C)"""
    bias: NDArray[np.float64]
    """(C,)"""
    strength: float

    def logits(self, vectors: Vectors) -> Vectors:
        """(N, H) -> (N, C) float32."""
        result: Vectors = (((vectors - self.mean) / self.scale) @ self.weight + self.bias).astype(np.float32)
        return result


def fit_linear(
    train: Vectors,
    train_classes: Sequence[int],
    dev: Vectors,
    dev_classes: Sequence[int],
    num_labels: int,
    strengths: Sequence[float] = STRENGTHS,
) -> LinearClassifier:
    """Of all ``strengths`` the classifier that is most accurate on ``dev``; of equal ones the smoothest.

    Choosing on ``dev`` is what fine-tuning does too, where it picks the best epoch, so that the two compare.

    Args:
        train, dev: (N, H) vectors.
        train_classes, dev_classes: classes from 0 to ``num_labels`` - 1; every class occurs in training.
    """
    truth = np.asarray(dev_classes)
    mean, scale = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    scale[scale == 0] = 1.0
    standardized = (train - mean) / scale
    best: tuple[float, LinearClassifier] | None = None
    for strength in sorted(strengths):
        weight, bias = _fit(standardized, np.asarray(train_classes), strength, num_labels)
        model = LinearClassifier(mean, scale, weight, bias, strength)
        accuracy = float((model.logits(dev).argmax(axis=1) == truth).mean())
        if best is None or accuracy > best[0]:
            best = accuracy, model
    if best is None:
        raise ValueError("expected at least one strength")
    return best[1]


def _fit(
    vectors: NDArray[np.float64], classes: NDArray[np.int64], strength: float, num_labels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (H, C) and bias (C,)."""
    regression = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the weak end of the grid need not converge
        regression.fit(vectors, classes)
    if num_labels == 2:  # scikit-learn keeps the difference of the two
        zeros = np.zeros((vectors.shape[1], 1))
        return np.hstack([zeros, regression.coef_.T]), np.hstack([[0.0], regression.intercept_])
    return regression.coef_.T, regression.intercept_
