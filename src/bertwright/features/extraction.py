"""One vector a row from a frozen encoder, rows of similar length together.

Axes: B rows of a batch, S positions, N rows in all, H hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertwright.errors import NonFiniteError
from bertwright.export.batches import ask_groups, groups_for
from bertwright.features.pooling import pooling
from bertwright.model.encoder import BertEncoder
from bertwright.model.input_tensors import EncodedRow, InputTensors
from bertwright.progress import Progress, Silent


def extract(
    encoder: BertEncoder,
    rows: Sequence[EncodedRow],
    *,
    pool: str = "mean",
    batch_tokens: int | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """The pooled vector of each row, (N, n H) float32 for n poolings, in the order of the rows.

    Args:
        encoder: put into evaluation mode; its weights are not changed.
        pool: how the tokens of a row become one vector; see :func:`bertwright.features.pooling.pooling`.
        batch_tokens: padded tokens that go through the network at once; None for what suits the device.

    Raises:
        UsageError: there is no such pooling.
        NonFiniteError: the weights give no finite numbers.
    """
    progress, pooled = progress or Silent(), pooling(pool)
    device = next(encoder.parameters()).device
    vectors = np.empty((len(rows), encoder.config.hidden_size * len(pool.split("+"))), np.float32)
    encoder.eval()

    def ask(group: NDArray[np.int64]) -> NDArray[np.float32]:
        chosen = [rows[index] for index in group.tolist()]
        batch = InputTensors.of(chosen, encoder.config.pad_token_id, device)
        hidden = encoder.at_tokens(*batch)
        return pooled(hidden.float(), batch.attention_mask).cpu().numpy()  # (B, H)

    progress.start("extracting features", len(rows), "rows")
    groups = groups_for(encoder, [len(row) for row in rows], batch_tokens)
    for group, found in ask_groups(encoder, ask, groups):
        vectors[group] = found
        progress.advance(len(group))
    progress.finish()
    if not np.isfinite(vectors).all():
        raise NonFiniteError("the features are not finite: the model's weights are unusable")
    return vectors
