"""Answers of a fine-tuned model, decoded by the task that it was saved with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bertwright.errors import InputError, NonFiniteError, quote
from bertwright.inference.batching import TOKENS_PER_BATCH
from bertwright.progress import Progress, Silent
from bertwright.tasks.batches import Features, collate
from bertwright.tasks.task import Prediction, Task
from bertwright.tokenization.padding import length_groups

TextRow = str | tuple[str, str | None]
"""A text, or a text and its second text."""


def predict(
    task: Task[Any],
    model: nn.Module,
    rows: Sequence[TextRow],
    *,
    tokens_per_batch: int = TOKENS_PER_BATCH,
    progress: Progress | None = None,
) -> list[Prediction]:
    """The answer for every row, in order.

    Args:
        task: decodes; see :mod:`bertwright.tasks`.
        model: the task's model, in evaluation mode.
        rows: texts, or pairs where the task has them.
        tokens_per_batch: padded tokens that go through the network at once.
        progress: advances by rows.

    Raises:
        InputError: a row is no text, or an empty one.
        NonFiniteError: the weights give no finite numbers.
    """
    for number, row in enumerate(rows):
        _check_row(number, row)
    features = task.encode(rows)
    outputs = outputs_of(model, features, task.tokenizer.vocabulary.pad_id, tokens_per_batch)
    (progress or Silent()).advance(len(rows))
    predictions: list[Prediction] = task.decode(outputs, features)
    return predictions


def outputs_of(
    model: nn.Module, features: Sequence[Features], pad_id: int, tokens_per_batch: int
) -> list[NDArray[np.float32]]:
    """What ``model`` gives for each of ``features``, in their order; rows of like length share a batch."""
    device = next(model.parameters()).device
    outputs: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(features)
    with torch.inference_mode():
        for group in length_groups([len(row) for row in features], tokens_per_batch):
            batch = collate([features[number] for number in group.tolist()], pad_id)
            mask = None if batch.attention_mask is None else batch.attention_mask.to(device)
            logits = model(batch.input_ids.to(device), batch.token_type_ids.to(device), mask)
            values = logits.float().cpu().numpy()
            if not np.isfinite(values).all():
                raise NonFiniteError("the model's output is not finite: its weights are unusable")
            for number, value in zip(group.tolist(), values, strict=True):
                outputs[number] = value
    return outputs


def _check_row(number: int, row: object) -> None:
    texts = row if isinstance(row, (tuple, list)) else (row,)
    if len(texts) not in (1, 2) or not isinstance(texts[0], str) or not texts[0].strip():
        raise InputError(f"row {number}: expected a text or a pair of texts, got {quote(row)}")
    if len(texts) == 2 and texts[1] is not None and not isinstance(texts[1], str):
        raise InputError(f"row {number}: expected a pair of texts, got {quote(row)}")
