"""A model's outputs for rows of any length, and its score on a labelled file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bertwright import strict_json
from bertwright.checkpoints.model_folder import open_model
from bertwright.errors import NonFiniteError
from bertwright.progress import Progress, Silent
from bertwright.tasks.batches import Features, collate
from bertwright.tasks.columns import Columns
from bertwright.tasks.kinds import open_task
from bertwright.tasks.task import Outputs, Prediction, Task
from bertwright.tokenization.padding import length_groups, tokens_at_once


def run_model(
    model: nn.Module, features: Sequence[Features], pad_id: int, progress: Progress | None = None
) -> Outputs:
    """What ``model`` gives for each row, in the order of the rows.

    Rows of similar length share a batch; ``model`` is put into evaluation mode. Outputs by token are cut to
    the row's length, so that padding is never seen.
    """
    progress = progress or Silent()
    device = next(model.parameters()).device
    outputs: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(features)
    model.eval()
    progress.start("evaluating", len(features), "rows")
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        for group in length_groups([len(row) for row in features], tokens_at_once(device.type)):
            batch = collate([features[index] for index in group], pad_id).to(device)
            logits = model(batch.input_ids, batch.token_type_ids, batch.attention_mask).float().cpu().numpy()
            if not np.isfinite(logits).all():
                raise NonFiniteError("the model's output is not finite: its weights are unusable")
            for index, output in zip(group.tolist(), logits, strict=True):
                outputs[index] = output[: len(features[index])] if output.ndim > 1 else output
            progress.advance(len(group))
    progress.finish()
    return outputs


@dataclass(frozen=True)
class Evaluation:
    """A model's score on a labelled file."""

    kind: str
    metrics: dict[str, float]
    rows: int
    truncated: int
    """Rows of which the model did not see the whole text."""
    seconds: float
    warnings: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    targets: tuple[Any, ...]
    lines: tuple[int, ...]
    """Where each row begins in the file."""

    def to_dict(self) -> dict[str, Any]:
        """As ``evaluate --json`` prints it."""
        return {
            "metrics": self.metrics,
            "rows": self.rows,
            "truncated": self.truncated,
            "seconds": self.seconds,
            "warnings": list(self.warnings),
        }

    def to_json_lines(self) -> str:
        """Every row's place (from 0), line, target and answer."""
        rows = zip(self.lines, self.targets, self.predictions, strict=True)
        return "".join(
            strict_json.dump({"row": row, "line": line, "target": target, **prediction.to_dict()}) + "\n"
            for row, (line, target, prediction) in enumerate(rows)
        )


def evaluate(
    model: Path,
    file: Path,
    *,
    columns: Columns | None = None,
    format: str = "auto",
    progress: Progress | None = None,
) -> Evaluation:
    """Score the fine-tuned model in ``model`` on the labelled rows of ``file``.

    Args:
        columns: of ``file``, where they are not named as in training.

    Raises:
        ModelError: ``model`` is no fine-tuned model.
        TableError: ``file`` is wrong, or has labels that the model does not know.
    """
    begun = time.monotonic()
    folder = open_model(model)
    task: Task[Prediction] = open_task(folder)
    labelled = task.read(file, columns, format=format)
    features = task.encode(labelled.examples)
    pad_id = task.tokenizer.vocabulary.pad_id
    outputs = run_model(task.trained_model(folder), features, pad_id, progress)
    predictions = task.decode(outputs, features, labelled.examples)
    return Evaluation(
        kind=task.kind,
        metrics=task.score(outputs, features, labelled.examples),
        rows=len(labelled),
        truncated=sum(prediction.truncated for prediction in predictions),
        seconds=time.monotonic() - begun,
        warnings=labelled.warnings,
        predictions=tuple(predictions),
        targets=tuple(example.target for example in labelled.examples),
        lines=tuple(example.line for example in labelled.examples),
    )
