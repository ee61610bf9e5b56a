"""The bidirectional encoder: embeddings, L blocks, pooler.

Axes: B rows of a batch, S positions, H hidden size, L layers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from bertwright.model.attention import attention_bias
from bertwright.model.config import BertConfig
from bertwright.model.embeddings import BertEmbeddings
from bertwright.model.initialization import initialize
from bertwright.model.layer import BertLayer


class EncoderOutput(NamedTuple):
    """What the encoder says about a batch."""

    last_hidden_state: Tensor
    """(B, S, H): the paper's T_i, one vector a token."""
    pooled_output: Tensor
    """(B, H): tanh of a dense layer on the first token, the paper's C."""
    hidden_states: tuple[Tensor, ...] | None
    """L + 1 tensors (B, S, H) when asked for: embeddings, then each block."""


class Pooler(nn.Module):
    """tanh(W h_0 + b): one vector for the row, from its first token [CLS]."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, S, H) -> (B, H)."""
        return torch.tanh(self.dense(hidden[:, 0]))


class BertEncoder(nn.Module):
    """BERT without heads (the original's ``BertModel``).

    Args:
        config: sizes and constants.
        seed: of the initial weights; None leaves the parameters on the meta device, for a loader to fill.
    """

    def __init__(self, config: BertConfig, *, seed: int | None = 0) -> None:
        super().__init__()
        self.config = config
        with torch.device("meta"):
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
        hidden = self.embeddings(input_ids, token_type_ids)  # (B, S, H)
        bias = (
            None if attention_mask is None else attention_bias(attention_mask, hidden.dtype)
        )  # (B, 1, 1, S)
        states = [hidden]
        for layer in self.layers:
            hidden = layer(hidden, bias)
            states.append(hidden)
        return EncoderOutput(hidden, self.pooler(hidden), tuple(states) if output_hidden_states else None)
