"""Logistic regression on vectors, against scikit-learn's own predictions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bertwright.features.linear import fit_linear


def data(count: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, classes, count)
    labels[:classes] = np.arange(classes)
    vectors = chance.normal(size=(count, 6)) * [1, 10, 0.1, 1, 1, 1] + np.eye(classes, 6)[labels] * 3
    vectors[:, 5] = 2.5  # a dimension that says nothing
    return vectors.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 3])
def test_equal_to_scikit_learn(classes: int) -> None:
    train, train_labels = data(200, classes, 1)
    dev, dev_labels = data(100, classes, 2)
    model = fit_linear(train, train_labels, dev, dev_labels, classes, strengths=[0.3])
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=500))
    reference.fit(train.astype(np.float64), train_labels)
    logits = model.logits(dev).astype(np.float64)
    expected = reference.predict_log_proba(dev.astype(np.float64))
    found = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert (logits.argmax(axis=1) == dev_labels).mean() > 0.8


def test_the_strength_is_the_best_on_dev_and_of_equal_ones_the_smallest() -> None:
    train, train_labels = data(200, 2, 1)
    model = fit_linear(train, train_labels, train, train_labels, 2, strengths=[1.0, 1e-7, 0.9])
    accuracy = {
        strength: (
            fit_linear(train, train_labels, train, train_labels, 2, [strength]).logits(train).argmax(axis=1)
            == train_labels
        ).mean()
        for strength in (1e-7, 0.9, 1.0)
    }
    assert accuracy[model.strength] == max(accuracy.values())
    assert model.strength == min(s for s, value in accuracy.items() if value == max(accuracy.values()))


def test_deterministic() -> None:
    train, labels = data(100, 3, 4)
    one, other = (fit_linear(train, labels, train, labels, 3) for _ in range(2))
    assert (one.weight == other.weight).all() and (one.bias == other.bias).all()
