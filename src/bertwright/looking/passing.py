"""Texts sent through a network while others watch every layer.

Axes: B rows of a batch, S positions, H hidden size, N heads, L layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from bertwright.features.piece_rows import PieceRow
from bertwright.model.attention_maps import attention_maps
from bertwright.model.encoder import BertEncoder
from bertwright.model.input_tensors import InputTensors
from bertwright.progress import Progress, Silent
from bertwright.tokenization.padding import length_groups, tokens_at_once


@dataclass(frozen=True)
class Passing:
    """Rows that go through the network together."""

    rows: tuple[PieceRow, ...]
    numbers: tuple[int, ...]
    """Of the rows among all that were given."""
    visible: Tensor
    """(B, S, S) bool: whether a position may see another one; left-to-right it never sees a later one."""

    @property
    def width(self) -> int:
        """S."""
        return self.visible.shape[1]


class Watcher(Protocol):
    """Sees every layer of every batch, in order."""

    def begin(self, batch: Passing) -> None:
        """A batch comes."""

    def layer(self, number: int, probabilities: Tensor | None, hidden: Tensor) -> None:
        """What layer ``number`` makes of the batch.

        Args:
            number: 0 for the embeddings, which attend to nothing, then 1 to L.
            probabilities: (B, N, S, S); see :class:`bertwright.model.attention_maps.LayerAttention`.
            hidden: (B, S, H).
        """


def pass_through(
    encoder: BertEncoder,
    rows: Sequence[PieceRow],
    watchers: Sequence[Watcher],
    *,
    numbers: Sequence[int] | None = None,
    batch_tokens: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Send ``rows`` through ``encoder``, those of similar length together; no map outlives its layer.

    Args:
        encoder: put into evaluation mode; its weights are not changed.
        numbers: of the rows, for the watchers; by default they count from 0.
        batch_tokens: padded tokens that go through the network at once; None for what suits the device.
        progress: advances by rows; its stage is begun and ended by the caller.
    """
    watch = progress or Silent()
    device = next(encoder.parameters()).device
    encoder.eval()
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        for group in length_groups([len(row) for row in rows], batch_tokens or tokens_at_once(device.type)):
            places = group.tolist()
            chosen = [rows[place] for place in places]
            inputs = InputTensors.of(chosen, encoder.config.pad_token_id, device)
            batch = Passing(
                tuple(chosen),
                tuple(places if numbers is None else (numbers[place] for place in places)),
                _visible(inputs, encoder.config.is_decoder),
            )
            for watcher in watchers:
                watcher.begin(batch)
            layers = attention_maps(encoder, *inputs)
            for number, layer in enumerate(layers, 1):
                for watcher in watchers:
                    if number == 1:
                        watcher.layer(0, None, layer.entering)
                    watcher.layer(number, layer.probabilities, layer.hidden)
            watch.advance(len(places))


def _visible(inputs: InputTensors, causal: bool) -> Tensor:
    rows, width = inputs.input_ids.shape
    seen = torch.ones(rows, width, width, dtype=torch.bool, device=inputs.input_ids.device)
    if inputs.attention_mask is not None:
        seen &= inputs.attention_mask[:, None, :]
    return seen.tril() if causal else seen
