"""Rows of ids as the padded tensors that the encoder takes.

Axes: B rows of a batch, S positions (the longest row of the batch).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
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
        mask = padding_mask([len(row) for row in rows])
        return cls(
            torch.from_numpy(pad([row.input_ids for row in rows], pad_id)).to(device),
            torch.from_numpy(pad([row.token_type_ids for row in rows], 0)).to(device),
            None if mask is None else torch.from_numpy(mask).to(device),
        )
