"""A model's weights for a vocabulary with new pieces: rows made of the pieces that each was cut into.

Axes: V and V' tokens before and after, H hidden size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

WORDS = "encoder.embeddings.word_embeddings.weight"
DECODER = "masked_language_head.decoder"
"""Where the output layer is not tied to the word embeddings; treated like them."""
OUTPUT_BIAS = "masked_language_head.bias"


def extended_rows(
    tensors: Mapping[str, Tensor], new: Mapping[int, Sequence[int]], size: int
) -> dict[str, Tensor]:
    """All ``tensors``, with rows for new pieces.

    A new piece's word embedding is the mean of those of its parts, so that the network reads it as it read
    them on the average. The output layer of the masked-language head is the same matrix; its bias for the
    piece is the mean of its parts' less log(number of parts): with the plain mean, new words take probability
    from those that the model knows (docs/vocabulary.md).

    Args:
        tensors: parameters under our names.
        new: id of each new piece -> ids of its parts. Ids from V on must come without a gap.
        size: V'.
    """
    result = dict(tensors)
    for name in (WORDS, DECODER):
        if name in tensors:
            words = tensors[name]  # (V, H)
            rows = torch.cat([words, words.new_zeros(size - len(words), words.shape[1])])  # (V', H)
            for place, parts in new.items():
                rows[place] = words[list(parts)].mean(dim=0)
            result[name] = rows
    if OUTPUT_BIAS in tensors:
        bias = tensors[OUTPUT_BIAS]  # (V,)
        biases = torch.cat([bias, bias.new_zeros(size - len(bias))])  # (V',)
        for place, parts in new.items():
            biases[place] = bias[list(parts)].mean() - math.log(len(parts))
        result[OUTPUT_BIAS] = biases
    return result
