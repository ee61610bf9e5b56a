"""Input representation: the sum of token, segment and position embeddings (paper, figure 2).

Axes: B rows of a batch, S positions, H hidden size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bertwright.errors import ModelError
from bertwright.model.config import BertConfig
from bertwright.model.dropout import Dropout


class BertEmbeddings(nn.Module):
    """LayerNorm(word[id] + position[s] + type[segment]), then dropout.

    Our ``token_type_ids`` are the original's ``segment_ids``.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, position_ids: Tensor | None = None
    ) -> Tensor:
        """Embed ``input_ids`` (B, S) int64; ``token_type_ids`` (B, S) int64, all 0 when None.

        ``position_ids`` (B, S) int64 are from 0 to S - 1 in every row when None.

        Returns:
            (B, S, H).

        Raises:
            ModelError: S exceeds ``max_position_embeddings``.
        """
        length = input_ids.shape[1]
        if length > self.position_embeddings.num_embeddings:
            positions = self.position_embeddings.num_embeddings
            raise ModelError(f"sequence of {length} tokens: the model has {positions} positions")
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        hidden: Tensor = self.word_embeddings(input_ids)  # (B, S, H)
        hidden = hidden + self.token_type_embeddings(token_type_ids)  # (B, S, H)
        if position_ids is None:
            hidden = hidden + self.position_embeddings.weight[:length]  # (S, H) onto (B, S, H)
        else:
            hidden = hidden + self.position_embeddings(position_ids)  # (B, S, H)
        normed: Tensor = self.dropout(self.layer_norm(hidden))
        return normed
