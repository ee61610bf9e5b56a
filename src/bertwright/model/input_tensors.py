"""Rows of ids as the padded tensors that the encoder takes.

Axes: B rows of a batch, S positions (the longest row of the batch).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bertwright.tokenization.padding import pad, padding_mask


class EncodedRow(Protocol):
    """Ids and segments of one row, without padding."""

    @property
    def input_ids(self) -> ArrayLike: ...

    @property
    def token_type_ids(self) -> ArrayLike: ...

    def __len__(self) -> int: ...


class InputTensors(NamedTuple):
    """A padded batch, in the order of the encoder's arguments."""

    input_ids: Tensor
    """(B, S) int64."""
    token_type_ids: Tensor
    """(B, S) int64."""
    attention_mask: Tensor | None
    """(B, S) bool, true for tokens; None when no row is padded: attention's fastest path."""

    @classmethod
    def of(cls, rows: Sequence[EncodedRow], pad_id: int, device: torch.device | str = "cpu") -> InputTensors:
        """``rows`` padded on the right to the longest of them."""
        return cls(
            torch.from_numpy(pad([row.input_ids for row in rows], pad_id)).to(device),
            torch.from_numpy(pad([row.token_type_ids for row in rows], 0)).to(device),
            mask_of([len(row) for row in rows], device),
        )


def mask_of(lengths: Sequence[int], device: torch.device | str = "cpu") -> Tensor | None:
    """(B, S) bool, true where a row of that length has tokens; None when no row is padded."""
    mask = padding_mask(lengths)
    return None if mask is None else torch.from_numpy(mask).to(device)


def padded(
    rows: Sequence[Sequence[int]], pad_id: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor | None]:
    """Ids alone: (B, S) int64, padded on the right, and their mask."""
    return torch.from_numpy(pad(rows, pad_id)).to(device), mask_of([len(row) for row in rows], device)
