"""Texts that grow: a left-to-right network reads only what is new.

No position sees a later one, so what attention takes from a token, its key and its value in every layer,
stays the same however the text goes on. Kept, it makes the next token cost one position and not all of them.

Axes: B texts, S tokens that are new, C positions that are kept, H hidden size, N heads, D = H / N.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from bertwright.model.encoder import BertEncoder
from bertwright.model.packing import Attention


class Continuation:
    """The texts so far, as a left-to-right ``encoder`` in evaluation mode knows them.

    Args:
        rows: B.
        capacity: C, the tokens that a text may come to; at most the encoder's positions.
    """

    def __init__(self, encoder: BertEncoder, rows: int, capacity: int) -> None:
        if not encoder.config.is_decoder:
            raise ValueError("expected a left-to-right encoder: in others earlier tokens see later ones")
        self._encoder = encoder
        config, weight = encoder.config, encoder.embeddings.word_embeddings.weight
        shape = rows, config.num_attention_heads, capacity, config.hidden_size // config.num_attention_heads
        self._layers = [_Kept(weight.new_zeros(shape), weight.new_zeros(shape)) for _ in encoder.layers]
        self._lengths = torch.zeros(rows, dtype=torch.int64, device=weight.device)

    def read(self, input_ids: Tensor, counts: Tensor) -> Tensor:
        """Go on with every text.

        Args:
            input_ids: (B, S) int64, new tokens and padding behind them, for which there must be room too.
            counts: (B,) int64, how many of each row are tokens: 1 or more.

        Returns:
            (B, H): the last hidden state of each text's last token.
        """
        places = _Places.behind(self._lengths, input_ids.shape[1])
        hidden: Tensor = self._encoder.embeddings(input_ids, None, places.positions)
        for layer, kept in zip(self._encoder.layers, self._layers, strict=True):
            kept.places = places
            hidden = layer(hidden, None, None, kept)  # (B, S, H)
        self._lengths = self._lengths + counts
        return hidden[places.rows[:, 0], counts - 1]

    def keep(self, rows: Tensor) -> None:
        """Forget all texts but ``rows`` (int64), which are the texts from now on, in this order."""
        self._lengths = self._lengths[rows]
        for kept in self._layers:
            kept.keys, kept.values = kept.keys[rows], kept.values[rows]


class _Places(NamedTuple):
    """Where the new tokens stand, the same for all layers."""

    rows: Tensor
    """(B, 1) int64, from 0."""
    positions: Tensor
    """(B, S) int64."""
    earlier: Tensor
    """(B, 1, S, P) bool: what each sees of the P positions up to the last of them."""

    @classmethod
    def behind(cls, lengths: Tensor, count: int) -> _Places:
        """Of ``count`` tokens behind so many (B,) that are known."""
        device = lengths.device
        positions = lengths[:, None] + torch.arange(count, device=device)
        seen = torch.arange(int(positions.max()) + 1, device=device)
        rows = torch.arange(len(lengths), device=device)[:, None]
        return cls(rows, positions, seen <= positions[:, None, :, None])


class _Kept:
    """Keys and values of one layer, (B, N, C, D); stands where attention asks how a batch is laid out."""

    places: _Places
    """Of the tokens that are read."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values

    def token_rows(self, _bias: Tensor | None) -> None:
        """New tokens see those that are kept."""

    def attended(self, fused: Tensor, _bias: Tensor | None, _attention: Attention) -> Tensor:
        """Every new token over all tokens up to itself: (B, S, 3H) -> (B, S, H)."""
        rows, length, width = fused.shape
        heads, size = self.keys.shape[1], self.keys.shape[3]
        query, key, value = fused.view(rows, length, 3, heads, size).unbind(2)  # (B, S, N, D)
        row, positions, earlier = self.places
        # what padding leaves behind is written over before any token can see it
        self.keys[row, :, positions], self.values[row, :, positions] = key, value
        seen = earlier.shape[-1]
        keys, values = self.keys[:, :, :seen], self.values[:, :, :seen]
        context = F.scaled_dot_product_attention(query.transpose(1, 2), keys, values, attn_mask=earlier)
        return context.transpose(1, 2).reshape(rows, length, width // 3)
