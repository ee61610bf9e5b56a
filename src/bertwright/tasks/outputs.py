"""What a network gives for rows of any length, in the order of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bertwright.errors import NonFiniteError
from bertwright.export.batches import ask_groups, groups_for
from bertwright.progress import Progress, Silent
from bertwright.tasks.batches import Features, collate
from bertwright.tasks.task import Outputs


def run_model(
    model: nn.Module, features: Sequence[Features], pad_id: int, progress: Progress | None = None
) -> Outputs:
    """What ``model`` gives for each row, in the order of the rows.

    Rows of similar length share a batch; ``model`` is put into evaluation mode. Outputs by token are cut to
    the row's length, so that padding is never seen.

    Raises:
        NonFiniteError: an output is no finite number.
    """
    device = next(model.parameters()).device
    model.eval()

    def ask(group: NDArray[np.int64]) -> NDArray[np.float32]:
        batch = collate([features[index] for index in group], pad_id).to(device)
        logits: torch.Tensor = model(batch.input_ids, batch.token_type_ids, batch.attention_mask)
        return logits.float().cpu().numpy()

    groups = groups_for(model, [len(row) for row in features])
    return in_row_order(ask_groups(model, ask, groups), features, progress)


def in_row_order(
    answered: Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]],
    features: Sequence[Features],
    progress: Progress | None = None,
) -> Outputs:
    """The outputs of groups of rows, each with the places of its rows, in the order of ``features``.

    Raises:
        NonFiniteError: an output is no finite number.
    """
    progress = progress or Silent()
    outputs: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(features)
    progress.start("evaluating", len(features), "rows")
    for group, logits in answered:
        if not np.isfinite(logits).all():
            raise NonFiniteError("the model's output is not finite: its weights are unusable")
        for index, output in zip(group.tolist(), logits, strict=True):
            outputs[index] = output[: len(features[index])] if output.ndim > 1 else output
        progress.advance(len(group))
    progress.finish()
    return outputs
