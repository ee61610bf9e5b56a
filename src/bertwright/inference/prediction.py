"""Answers of a fine-tuned model, decoded by the task that it was saved with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from bertwright.errors import InputError, quote
from bertwright.inference.stages import Inner
from bertwright.progress import Progress
from bertwright.tasks.evaluation import run_model
from bertwright.tasks.task import Prediction, Task

TextRow = str | tuple[str, str | None]
"""A text, or a text and its second text."""


def predict(
    task: Task[Any], model: nn.Module, rows: Sequence[TextRow], *, progress: Progress | None = None
) -> list[Prediction]:
    """The answer for every row, in order.

    Args:
        task: decodes; see :mod:`bertwright.tasks`.
        model: the task's model, in evaluation mode.
        rows: texts, or pairs where the task has them.
        progress: advances by rows.

    Raises:
        InputError: a row is no text, or an empty one.
        NonFiniteError: the weights give no finite numbers.
    """
    for number, row in enumerate(rows):
        _check_row(number, row)
    features = task.encode(rows)
    outputs = run_model(model, features, task.tokenizer.vocabulary.pad_id, Inner.of(progress))
    predictions: list[Prediction] = task.decode(outputs, features)
    return predictions


def _check_row(number: int, row: object) -> None:
    texts = row if isinstance(row, (tuple, list)) else (row,)
    if len(texts) not in (1, 2) or not isinstance(texts[0], str) or not texts[0].strip():
        raise InputError(f"row {number}: expected a text or a pair of texts, got {quote(row)}")
    if len(texts) == 2 and texts[1] is not None and not isinstance(texts[1], str):
        raise InputError(f"row {number}: expected a pair of texts, got {quote(row)}")
