"""The encoder: embeddings, L blocks, pooler; bidirectional, or left-to-right for the paper's comparison.

Axes: B rows of a batch, S positions, T tokens of a packed batch, K chosen positions, H hidden size, L layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bertwright.model.activations import identity
from bertwright.model.attention import attention_bias, causal_bias
from bertwright.model.config import BertConfig
from bertwright.model.embeddings import BertEmbeddings
from bertwright.model.host_tensors import is_on_host
from bertwright.model.initialization import initialize, without_numbers
from bertwright.model.layer import BertLayer
from bertwright.model.linear import Linear
from bertwright.model.packing import packing_of


class EncoderOutput(NamedTuple):
    """What the encoder says about a batch."""

    last_hidden_state: Tensor
    """(B, S, H): the paper's T_i, one vector a token."""
    pooled_output: Tensor
    """(B, H): tanh of a dense layer on the first token, the paper's C (or on the last: ``pooled_token``)."""
    hidden_states: tuple[Tensor, ...] | None
    """L + 1 tensors (B, S, H) when asked for: embeddings, then each block."""


class Pooler(nn.Module):
    """tanh(W h + b): one vector for the row, from the hidden state h of its first token, [CLS], or last."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = Linear(config.hidden_size, config.hidden_size)

    def forward(self, chosen: Tensor) -> Tensor:
        """(B, H), one position of every row -> (B, H)."""
        return torch.tanh(self.dense(chosen))


class BertEncoder(nn.Module):
    """BERT without heads (the original's ``BertModel``).

    Args:
        config: sizes and constants.
        seed: of the initial weights; None leaves the parameters on the meta device, for a loader to fill.
    """

    def __init__(self, config: BertConfig, *, seed: int | None = 0) -> None:
        super().__init__()
        self.config = config
        with without_numbers():
            self.embeddings = BertEmbeddings(config)
            self.layers = nn.ModuleList(BertLayer(config) for _ in range(config.num_hidden_layers))
            self.pooler = Pooler(config)
        if seed is not None:
            initialize(self, config.initializer_range, seed)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
    ) -> EncoderOutput:
        """Encode a batch.

        Args:
            input_ids: (B, S) int64.
            token_type_ids: (B, S) int64, 0 for the first segment; all 0 when None.
            attention_mask: (B, S) bool or integer, true for tokens; None when there is no padding (then
                attention takes its fastest path).
            output_hidden_states: keep what every layer gives.

        Raises:
            ModelError: S exceeds ``max_position_embeddings``.
        """
        hidden, bias = self.embedded(input_ids, token_type_ids, attention_mask)
        states: tuple[Tensor, ...] | None = (hidden,) if output_hidden_states else None
        for layer in self.layers:
            hidden = layer(hidden, bias)
            if states is not None:
                states = (*states, hidden)
        chosen = hidden.flatten(0, 1).index_select(0, self.pooled_positions(input_ids, attention_mask))
        return EncoderOutput(hidden, self.pooler(chosen), states)

    def at_positions(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None,
        attention_mask: Tensor | None,
        positions: Tensor,
    ) -> Tensor:
        """The last hidden state at some positions only; arguments else as :meth:`forward`.

        Equal to selecting them from ``last_hidden_state``, but the last block computes its output
        projection and its feed-forward sub-layer, three quarters of its work, for these alone; and on a CPU
        padding is left out (see :mod:`~bertwright.model.packing`).

        Args:
            positions: (K,) int64, flat: row * S + position.

        Returns:
            (K, H).
        """
        hidden, bias = self.embedded(input_ids, token_type_ids, attention_mask)
        packing = None if attention_mask is None else packing_of(attention_mask, positions)
        if packing is not None:
            hidden, positions = packing.pack(hidden), packing.places[positions]  # (T, H), (K,)
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            hidden = layer(hidden, bias, positions if index == last else None, packing)
        return hidden

    def at_tokens(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None,
        attention_mask: Tensor | None,
        layer: Callable[[Tensor], Tensor] = identity,
    ) -> Tensor:
        """What ``layer`` makes of the last hidden state of every token; arguments else as :meth:`forward`.

        Args:
            layer: (..., H) -> (..., W).

        Returns:
            (B, S, W); on a CPU padding is not computed, and is 0 here.
        """
        if attention_mask is None or input_ids.device.type != "cpu":  # counting tokens would make a GPU wait
            return layer(self(input_ids, token_type_ids, attention_mask).last_hidden_state)
        rows, length = input_ids.shape
        positions = attention_mask.reshape(-1).nonzero().squeeze(1)  # (K,)
        found = layer(self.at_positions(input_ids, token_type_ids, attention_mask, positions))  # (K, W)
        padded = found.new_zeros((rows * length, found.shape[-1]))
        return padded.index_copy(0, positions, found).view(rows, length, -1)

    def pooled(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """The pooled output (B, H) alone, for less work than :meth:`forward`; arguments as there."""
        chosen = self.pooled_positions(input_ids, attention_mask)
        pooled: Tensor = self.pooler(self.at_positions(input_ids, token_type_ids, attention_mask, chosen))
        return pooled

    def pooled_positions(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """(B,) int64: the flat positions that the pooler reads; arguments as :meth:`forward`."""
        if self.config.pooled_token == "first":
            return first_positions(input_ids)
        return last_positions(input_ids, attention_mask)

    def embedded(
        self, input_ids: Tensor, token_type_ids: Tensor | None, attention_mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """What the first block reads: embeddings (B, S, H), and what attention adds to its scores."""
        hidden: Tensor = self.embeddings(input_ids, token_type_ids)
        if attention_mask is None:
            return hidden, None
        if not self.config.is_decoder:
            return hidden, attention_bias(attention_mask, hidden.dtype)
        if _padded_right(attention_mask):  # then no token comes after padding, so none could see it
            return hidden, None
        return hidden, causal_bias(input_ids.shape[1], hidden, attention_mask)


def first_positions(input_ids: Tensor) -> Tensor:
    """(B,) int64: the flat positions (row * S) of [CLS], where each row of ``input_ids`` (B, S) begins."""
    rows, length = input_ids.shape
    return torch.arange(0, rows * length, length, device=input_ids.device)


def last_positions(input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
    """(B,) int64: the flat position of the last token of each row of ``input_ids`` (B, S)."""
    length = input_ids.shape[1]
    last = first_positions(input_ids) + length - 1
    if attention_mask is None:
        return last
    return last - attention_mask.to(torch.int32).flip(1).argmax(1)  # how much padding stands behind it


def _padded_right(attention_mask: Tensor) -> bool:
    """Whether all padding is known to stand behind the tokens (a GPU is not asked: that would wait)."""
    if not is_on_host(attention_mask):
        return False
    visible = attention_mask.to(torch.bool)
    return bool((visible[:, :-1] | ~visible[:, 1:]).all())
