"""An encoder under a new BiLSTM, all trained together: what the paper puts on its left-to-right model.

Source: Devlin et al. (2019), section 5.1: "we added a randomly initialized BiLSTM on top". The encoder stays
as it is (left-to-right, if it is that); what stands to the right of a token reaches its output through the
BiLSTM's backward direction, and through nothing else.

Axes: B rows of a batch, S positions, H hidden size, D numbers in each direction, C outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bertwright.model.bilstm import PAPER_LSTM_SIZE, initialize_uniform, new_bilstm, read_both_ways
from bertwright.model.encoder import BertEncoder, last_positions
from bertwright.model.heads import ClassHead


class ToppedModel(nn.Module):
    """Encoder -> two-layer BiLSTM -> dropout -> linear, by token or by row. The pooler is no part of it.

    Of a row the output layer reads the forward direction's state at the last token and the backward one's at
    the first: the two that have read all of it.

    Args:
        encoder: a trained one.
        num_labels: C.
        by_token: outputs for every token; otherwise one a row.
        size: D; by default 768, the size of the paper's BiLSTM, or H if less.
        seed: of the new weights.
    """

    def __init__(
        self, encoder: BertEncoder, num_labels: int, *, by_token: bool, size: int | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        self.config = encoder.config
        self.num_labels, self.by_token = num_labels, by_token
        self.encoder = encoder
        self.encoder.pooler.requires_grad_(False)
        hidden = self.config.hidden_size
        self.size = size or min(PAPER_LSTM_SIZE, hidden)
        self.top = new_bilstm(hidden, self.size, self.config.hidden_dropout_prob)
        self.head = ClassHead(self.config, num_labels, width=2 * self.size)
        initialize_uniform(self, seed)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Logits (B, C), or (B, S, C) by token, where padding means nothing.

        Arguments as :meth:`BertEncoder.forward`; padding stands behind the tokens.
        """
        hidden = self.encoder.at_tokens(input_ids, token_type_ids, attention_mask)  # (B, S, H)
        with torch.autocast(hidden.device.type, enabled=False):  # there is no reduced LSTM on every processor
            read = read_both_ways(self.top, hidden.float(), attention_mask)  # (B, S, 2 D)
        if not self.by_token:
            last = last_positions(input_ids, attention_mask)
            forward = read[..., : self.size].flatten(0, 1).index_select(0, last)
            read = torch.cat([forward, read[:, 0, self.size :]], dim=-1)  # (B, 2 D)
        logits: Tensor = self.head(read)
        return logits
