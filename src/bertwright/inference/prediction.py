"""Answers of a fine-tuned model, decoded by the task that it was saved with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from bertwright.inference.stages import Inner
from bertwright.progress import Progress
from bertwright.tasks.outputs import run_model
from bertwright.tasks.task import Prediction, Task


def predict(
    task: Task[Any], model: nn.Module, rows: Sequence[Any], *, progress: Progress | None = None
) -> list[Prediction]:
    """The answer for every row, in order.

    Args:
        task: decodes; see :mod:`bertwright.tasks`.
        model: the task's model, in evaluation mode.
        rows: inputs of the task: texts, pairs, lists of words, ...
        progress: advances by rows.

    Raises:
        InputError: a row is no input of the task, or an empty one.
        NonFiniteError: the weights give no finite numbers.
    """
    inputs = task.inputs(rows)
    features = task.encode(inputs)
    # A row may have several inputs of the model: windows of a passage, choices.
    watch = Inner.of(progress, share=len(inputs) / max(1, len(features)))
    outputs = run_model(model, features, task.tokenizer.vocabulary.pad_id, watch)
    predictions: list[Prediction] = task.decode(outputs, features, inputs)
    return predictions
