"""What chosen layers say of every token of many rows, rows of similar length together.

Axes: S positions of a row, n chosen layers, H hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from bertwright.errors import NonFiniteError
from bertwright.export.batches import ask_groups, groups_for
from bertwright.model.encoder import BertEncoder
from bertwright.model.input_tensors import EncodedRow, InputTensors
from bertwright.progress import Progress, Silent

Vectors = NDArray[np.float32]


def hidden_states(
    encoder: BertEncoder,
    rows: Sequence[EncodedRow],
    layers: Sequence[int],
    *,
    batch_tokens: int | None = None,
    progress: Progress | None = None,
) -> list[Vectors]:
    """For each row (S, n, H) float32, ``[CLS]`` and ``[SEP]`` included, in the order of the rows.

    All of them are held in memory: give a block of rows at a time.

    Args:
        encoder: put into evaluation mode; its weights are not changed.
        layers: n of them, 0 the embeddings, in the order in which they are wanted.
        batch_tokens: padded tokens that go through the network at once; None for what suits the device.
        progress: advances by rows; its stage is begun and ended by the caller.

    Raises:
        NonFiniteError: the weights give no finite numbers.
    """
    progress = progress or Silent()
    device = next(encoder.parameters()).device
    found: list[Vectors] = [np.empty(0, np.float32)] * len(rows)
    encoder.eval()

    def ask(group: NDArray[np.int64]) -> Vectors:
        chosen = [rows[index] for index in group.tolist()]
        batch = InputTensors.of(chosen, encoder.config.pad_token_id, device)
        output = encoder(*batch, output_hidden_states=True)
        stacked = torch.stack([output.hidden_states[layer] for layer in layers], dim=2)
        return stacked.float().cpu().numpy()  # (B, S, n, H)

    groups = groups_for(encoder, [len(row) for row in rows], batch_tokens)
    for group, stacked in ask_groups(encoder, ask, groups):
        for index, vectors in zip(group.tolist(), stacked, strict=True):
            found[index] = vectors[: len(rows[index])].copy()  # without padding, and free of the batch
            if not np.isfinite(found[index]).all():
                raise NonFiniteError("the features are not finite: the model's weights are unusable")
        progress.advance(len(group))
    return found
