"""The small models that are trained on frozen vectors (paper, section 5.3).

Axes: B rows of a batch, S positions, n layers, H hidden size, D = H or n H, C outputs.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bertwright.features.layers import LayerChoice
from bertwright.features.pooling import PoolingName, pooling
from bertwright.model.bilstm import PAPER_LSTM_SIZE, initialize_uniform, new_bilstm, read_both_ways

HeadKind = Literal["linear", "bilstm"]


class LayerMix(nn.Module):
    """gamma * sum_j softmax(w)_j h_j: a learned weight a layer, and one for the whole.

    Source: Peters et al. (2018), "Deep contextualized word representations", equation 1; the paper's
    "weighted sum". Weights begin equal (w = 0) and gamma at 1, so that it begins as the mean.
    """

    def __init__(self, num_layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(num_layers))
        self.gamma = nn.Parameter(torch.ones(()))

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, S, n, H) -> (B, S, H)."""
        shares = self.weights.softmax(dim=0)  # (n,)
        return self.gamma * torch.einsum("bsnh,n->bsh", vectors, shares)


class FeatureModel(nn.Module):
    """Standardized layers -> one vector a token -> two-layer BiLSTM or nothing -> row or token -> linear.

    Args:
        choice: which layers, and how they become one.
        hidden_size: H.
        num_outputs: C.
        head: ``bilstm`` puts two bidirectional layers before the output layer, as the paper's tagger has.
        pool: how the tokens of a row become one vector; None for outputs by token.
        lstm_size: numbers in each direction of the BiLSTM; by default 768, the paper's, or H if less.
        dropout: on what the output layer reads, and between the layers of the BiLSTM.
        seed: of the initial weights.

    Attributes:
        mean, scale: (n, H) float32, what is subtracted from every vector, and what it is divided by then: 0
            and 1 until :meth:`standardize`. They are saved with the weights and not trained.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        choice: LayerChoice,
        hidden_size: int,
        num_outputs: int,
        *,
        head: HeadKind = "linear",
        pool: PoolingName | None = None,
        lstm_size: int | None = None,
        dropout: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        shape = (len(choice.layers), hidden_size)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))
        self.mix = LayerMix(len(choice.layers)) if choice.joining == "weighted" else None
        self._pool = None if pool is None else pooling(pool)
        width = choice.width(hidden_size)
        self.lstm: nn.LSTM | None = None
        if head == "bilstm":
            size = lstm_size or min(PAPER_LSTM_SIZE, hidden_size)
            self.lstm = new_bilstm(width, size, dropout)
            width = 2 * size
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, num_outputs)
        initialize_uniform(self, seed, leave="mix.")

    def standardize(self, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> None:
        """Let every dimension have mean 0 and deviation 1 over what the model reads in training.

        The paper does not say that it did; without it a small model learns slowly from vectors whose
        dimensions have very different sizes. A dimension that never changes is left as large as it is.

        Args:
            mean, deviation: (n, H) of the training tokens; of the pooled rows where nothing but pooling comes
                before the output layer, which commutes with all poolings.
        """
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(np.where(deviation > 0, deviation, np.float32(1))))

    def forward(self, vectors: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (B, C), or (B, S, C) by token.

        Args:
            vectors: (B, S, n, H) of the chosen layers.
            mask: (B, S) bool, true for tokens, which stand before all padding; None without padding.
        """
        vectors = (vectors - self.mean) / self.scale
        hidden = vectors.flatten(2) if self.mix is None else self.mix(vectors)  # (B, S, D)
        if self.lstm is not None:
            hidden = read_both_ways(self.lstm, hidden, mask)
        if self._pool is not None:
            hidden = self._pool(hidden, mask)  # (B, D)
        logits: Tensor = self.output(self.dropout(hidden))
        return logits
