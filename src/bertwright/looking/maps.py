"""What a network does with one text: every head's attention, every layer's vectors.

Axes: S positions ([CLS] and [SEP] included), H hidden size, N heads, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bertwright.errors import NonFiniteError
from bertwright.features.piece_rows import PieceRow
from bertwright.looking.passing import Passing, pass_through
from bertwright.model.encoder import BertEncoder


@dataclass(frozen=True)
class TextMaps:
    """One text (or pair) inside the network."""

    row: PieceRow
    """Its S pieces: ``row.tokens``, and where each stands in the text."""
    attention: NDArray[np.float32]
    """(L, N, S, S) float32: ``attention[l, n, i, j]`` is how much of its attention position i gives to
    position j in head n of layer l; over j it sums to 1."""
    hidden_states: NDArray[np.float32]
    """(L + 1, S, H) float32: the embeddings, then what each layer gives."""


class _Keeper:
    """Keeps all of one row."""

    def __init__(self) -> None:
        self.attention: list[Tensor] = []
        self.hidden: list[Tensor] = []

    def begin(self, batch: Passing) -> None:
        self.attention, self.hidden = [], []

    def layer(self, number: int, probabilities: Tensor | None, hidden: Tensor) -> None:
        self.hidden.append(hidden[0])
        if probabilities is not None:
            self.attention.append(probabilities[0])


def text_maps(encoder: BertEncoder, rows: Sequence[PieceRow]) -> list[TextMaps]:
    """The maps of every row, in their order; a row goes through the network by itself.

    Raises:
        NonFiniteError: the weights give no finite numbers.
    """
    found = []
    for row in rows:
        keeper = _Keeper()
        pass_through(encoder, [row], [keeper])
        attention = torch.stack(keeper.attention).float().cpu().numpy()
        hidden = torch.stack(keeper.hidden).float().cpu().numpy()
        require_finite(attention, hidden)
        found.append(TextMaps(row, attention, hidden))
    return found


def require_finite(*arrays: NDArray[np.floating]) -> None:
    """Refuse numbers that are none.

    Raises:
        NonFiniteError: the weights give no finite numbers.
    """
    if not all(np.isfinite(array).all() for array in arrays):
        raise NonFiniteError("attention and vectors are not finite: the model's weights are unusable")
