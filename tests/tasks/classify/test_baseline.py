"""What answering without looking is worth, by hand."""

from __future__ import annotations

import pytest
from small_models import tokenizer

from bertwright.tables.columns import Columns
from bertwright.tasks.batches import Features
from bertwright.tasks.classify.task import ClassifyTask
from bertwright.tasks.examples import Example


def test_the_majority_of_training_has_every_metric_of_the_task() -> None:
    task = ClassifyTask(tokenizer(), ("no", "yes"), Columns(), 16)

    def rows(*labels: str) -> list[Features]:
        return task.encode([Example("a", None, label) for label in labels])

    found = task.baseline(rows("yes", "yes", "no"), rows("yes", "yes", "yes", "no"))  # always yes
    assert found["accuracy"] == 3 / 4
    assert found["f1"] == pytest.approx(6 / 7)
    assert found["accuracy_and_f1"] == pytest.approx((3 / 4 + 6 / 7) / 2)
    assert found["matthews_correlation"] == 0
    assert set(task.metric_names) <= set(found)
