"""What a network attends to, layer by layer: the probabilities that its fast kernels do not give out.

Axes: B rows of a batch, S positions, H hidden size, N heads, L layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

from torch import Tensor

from bertwright.model.attention import SelfAttention
from bertwright.model.encoder import BertEncoder


class LayerAttention(NamedTuple):
    """One layer at work."""

    entering: Tensor
    """(B, S, H): what the layer before gave, or the embeddings."""
    probabilities: Tensor
    """(B, N, S, S): rows attend, columns are attended to; a row sums to 1. Columns of padding are 0; rows of
    padding mean nothing."""
    hidden: Tensor
    """(B, S, H): what the layer gives."""


def attention_maps(
    encoder: BertEncoder,
    input_ids: Tensor,
    token_type_ids: Tensor | None = None,
    attention_mask: Tensor | None = None,
) -> Iterator[LayerAttention]:
    """The L layers from the first to the last, one at a time, so that no more than one map is held.

    The hidden states are those of the network's own path, kernels and all; the probabilities are computed
    beside it from what enters each layer, and change nothing.

    Args:
        encoder: in evaluation mode.
        input_ids, token_type_ids, attention_mask: as in :meth:`BertEncoder.forward`.

    Raises:
        ModelError: S exceeds ``max_position_embeddings``.
    """
    hidden, bias = encoder.embedded(input_ids, token_type_ids, attention_mask)
    for layer in encoder.layers:
        entering = hidden
        hidden = layer(entering, bias)
        attention = cast(SelfAttention, layer.attention)
        yield LayerAttention(entering, attention.probabilities(entering, bias), hidden)
