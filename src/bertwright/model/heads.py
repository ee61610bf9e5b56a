"""Output layers on top of the encoder.

Axes: B rows of a batch, H hidden size, V vocabulary, P masked positions of the whole batch, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bertwright.model.activations import activation
from bertwright.model.config import BertConfig
from bertwright.model.dropout import Dropout
from bertwright.model.linear import Linear, linear


class MaskedLanguageHead(nn.Module):
    """Which token was here: LayerNorm(act(W h + b)) E^T + output bias (paper, task 1).

    E is the word embedding matrix, handed in at each call, so the two are tied and stored once; a network
    whose configuration says that they are not tied has a matrix of its own, ``decoder``, in its place. Only
    the positions that were masked are computed.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.transform = Linear(config.hidden_size, config.hidden_size)
        self.activation = activation(config.hidden_act)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.empty(config.vocab_size))
        untied = None if config.tie_word_embeddings else torch.empty(config.vocab_size, config.hidden_size)
        self.decoder = None if untied is None else nn.Parameter(untied)

    def forward(self, hidden: Tensor, word_embeddings: Tensor) -> Tensor:
        """(P, H) and (V, H) -> logits (P, V)."""
        transformed = self.layer_norm(self.activation(self.transform(hidden)))  # (P, H)
        words = word_embeddings if self.decoder is None else self.decoder
        return linear(transformed, words, self.bias)  # (P, V)


class NextSentenceHead(nn.Module):
    """Is B what followed A (class 0), or text from elsewhere (class 1)? (paper, task 2)"""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.output = Linear(config.hidden_size, 2)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, H) -> logits (B, 2)."""
        logits: Tensor = self.output(pooled)
        return logits


class ClassHead(nn.Module):
    """Dropout, then a linear layer: on the pooled output of a row, or on every token (``create_model``).

    Args:
        width: of what it reads; H when None.
    """

    def __init__(self, config: BertConfig, num_labels: int, *, width: int | None = None) -> None:
        super().__init__()
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.output = Linear(width or config.hidden_size, num_labels)

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., H or ``width``) -> logits (..., C)."""
        logits: Tensor = self.output(self.dropout(hidden))
        return logits


class SpanHead(nn.Module):
    """Where an answer begins and ends: a linear layer on every token (``run_squad.create_model``)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.output = Linear(config.hidden_size, 2)

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., H) -> logits (..., 2): start, end."""
        logits: Tensor = self.output(hidden)
        return logits
