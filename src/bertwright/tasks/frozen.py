"""The feature-based counterpart of fine-tuning: same rows, same metrics, the encoder's weights untouched."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.checkpoints.model_folder import open_model
from bertwright.features.extraction import extract
from bertwright.features.linear import fit_linear
from bertwright.features.pooling import PoolingName
from bertwright.progress import Progress, Silent
from bertwright.tasks.classify.task import ClassifyTask
from bertwright.tasks.columns import Columns
from bertwright.tasks.settings import FinetuneSettings


@dataclass(frozen=True)
class FeaturesSummary:
    """How well a linear classifier does on the frozen encoder's vectors."""

    metrics: dict[str, float]
    """On the development rows, the same names as fine-tuning gives."""
    rows: int
    truncated: int
    baseline: dict[str, float]
    pooling: PoolingName
    strength: float
    """The inverse strength of regularization that was best."""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return dict(vars(self))


def classify_features(
    model: str | Path,
    *,
    train: str | Path,
    dev: str | Path,
    columns: Columns | None = None,
    pooling: PoolingName = "mean",
    max_length: int | None = None,
    format: str = "auto",
    progress: Progress | None = None,
) -> FeaturesSummary:
    """Fit a logistic regression to the last layer's pooled vectors; score it as fine-tuning is scored.

    Deterministic: nothing here is drawn by chance.

    Args:
        model: a model folder.
        train, dev, columns, max_length, format: as :func:`bertwright.tasks.finetuning.finetune` has them.

    Raises:
        InputError: something named here is wrong.
    """
    begun, progress = time.monotonic(), progress or Silent()
    folder = open_model(model)
    settings = FinetuneSettings(max_length=max_length)
    length = settings.length_for(folder.config, ClassifyTask.default_length)
    posed = ClassifyTask.pose(Path(train), columns or Columns(), folder.tokenizer, length, format, settings)
    task, labelled = posed.task, posed.task.read(Path(dev), format=format)
    train_rows, dev_rows = task.encode(posed.train.examples), task.encode(labelled.examples)
    encoder = folder.encoder()
    train_vectors, dev_vectors = (
        extract(encoder, rows, pool=pooling, progress=progress) for rows in (train_rows, dev_rows)
    )
    classes, dev_classes = ([row.target for row in rows] for rows in (train_rows, dev_rows))
    linear = fit_linear(train_vectors, classes, dev_vectors, dev_classes, len(task.labels))
    return FeaturesSummary(
        metrics=task.score(list(linear.logits(dev_vectors)), dev_rows, labelled.examples),
        rows=len(labelled),
        truncated=sum(row.truncated for row in dev_rows),
        baseline=task.baseline(train_rows, dev_rows),
        pooling=pooling,
        strength=linear.strength,
        seconds=time.monotonic() - begun,
    )
