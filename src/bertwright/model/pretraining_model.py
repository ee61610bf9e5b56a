"""The encoder with both pre-training heads.

Axes: B rows of a batch, S positions, H hidden size, V vocabulary, P masked positions of the whole batch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.model.heads import MaskedLanguageHead, NextSentenceHead
from bertwright.model.initialization import initialize, without_numbers


class PretrainingOutput(NamedTuple):
    """Logits of both objectives."""

    mlm_logits: Tensor
    """(P, V), in the order of ``masked_positions``; of two directions (2 P, V), forward first."""
    nsp_logits: Tensor
    """(B, 2): class 0 is "B follows A", class 1 is "random"; (0, 2) of a network that judges no pairs."""


class BertForPreTraining(nn.Module):
    """What pre-training trains; the original's ``get_masked_lm_output`` and ``get_next_sentence_output``.

    Left-to-right (``is_decoder``) the same head, asked at a token, says which token comes next.

    :attr:`pairs` says whether the parts that judge pairs (pooler and next-sentence head) have learned
    anything; if not, they are not saved.

    Args:
        config: sizes and constants.
        seed: of the initial weights; None leaves the parameters on the meta device, for a loader to fill.
    """

    def __init__(self, config: BertConfig, *, seed: int | None = 0) -> None:
        super().__init__()
        self.config = config
        self.pairs = not config.is_decoder
        self.encoder = BertEncoder(config, seed=None)
        with without_numbers():
            self.masked_language_head = MaskedLanguageHead(config)
            self.next_sentence_head = NextSentenceHead(config)
        if seed is not None:
            initialize(self, config.initializer_range, seed)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None,
        attention_mask: Tensor | None,
        masked_positions: Tensor,
    ) -> PretrainingOutput:
        """Logits for a batch. Nothing here waits for the device; only P changes from batch to batch.

        Args:
            input_ids: (B, S) int64.
            token_type_ids: (B, S) int64, or None for all 0.
            attention_mask: (B, S) bool or integer, or None when there is no padding.
            masked_positions: (P,) int64, flat: row * S + position; left-to-right, the next is asked there.

        Raises:
            ModelError: S exceeds ``max_position_embeddings``.
        """
        rows = input_ids.shape[0]
        pooled = self.encoder.pooled_positions(input_ids, attention_mask)  # (B,)
        positions = torch.cat([masked_positions, pooled])  # (P + B,)
        hidden = self.encoder.at_positions(input_ids, token_type_ids, attention_mask, positions)  # (P + B, H)
        masked, chosen = hidden[:-rows], hidden[-rows:]  # (P, H), (B, H)
        words = self.encoder.embeddings.word_embeddings.weight  # (V, H)
        mlm_logits = self.masked_language_head(masked, words)  # (P, V)
        return PretrainingOutput(mlm_logits, self.next_sentence_head(self.encoder.pooler(chosen)))

    def freeze_pairs(self) -> None:
        """Leave the parts that judge pairs out of training: no loss reaches them, so they must not decay."""
        self.next_sentence_head.requires_grad_(False)
        self.encoder.pooler.requires_grad_(False)
