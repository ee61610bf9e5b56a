"""Rows of ids as the padded tensors that the encoder takes.

Axes: B rows of a batch, S positions (the longest row of the batch).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bertwright.tokenization.encoding import ModelInput
from bertwright.tokenization.padding import pad, padding_mask


class InputTensors(NamedTuple):
    """A padded batch, in the order of the encoder's arguments."""

    input_ids: Tensor
    """(B, S) int64."""
    token_type_ids: Tensor
    """(B, S) int64."""
    attention_mask: Tensor | None
    """(B, S) bool, true for tokens; None when no row is padded: attention's fastest path."""

    @classmethod
    def of(cls, rows: Sequence[ModelInput], pad_id: int, device: torch.device | str = "cpu") -> InputTensors:
        """``rows`` padded on the right to the longest of them."""
        input_ids, attention_mask = padded([row.input_ids for row in rows], pad_id, device)
        types = torch.from_numpy(pad([row.token_type_ids for row in rows], 0)).to(device)
        return cls(input_ids, types, attention_mask)


def padded(
    rows: Sequence[Sequence[int] | NDArray[np.int64]], pad_id: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor | None]:
    """(B, S) int64, padded on the right, and (B, S) bool, true for tokens, or None when no row is padded."""
    mask = padding_mask([len(row) for row in rows])
    return (
        torch.from_numpy(pad(rows, pad_id)).to(device),
        None if mask is None else torch.from_numpy(mask).to(device),
    )
