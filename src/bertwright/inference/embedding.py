"""One vector a text: the encoder's last layer, pooled over the tokens of the text.

Axes: H hidden size, N texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertwright.errors import UsageError
from bertwright.features.extraction import extract
from bertwright.features.pooling import PoolingName
from bertwright.inference.stages import Inner
from bertwright.model.encoder import BertEncoder
from bertwright.progress import Progress
from bertwright.tokenization.encoding import assemble
from bertwright.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class Embedded:
    """Vectors of a list of texts."""

    vectors: NDArray[np.float32]
    """(N, H) float32, in the order of the texts."""
    truncated: int
    """Texts that were cut to the longest sequence."""


def embed(
    encoder: BertEncoder,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    pooling: PoolingName = "mean",
    max_length: int | None = None,
    tokens_per_batch: int | None = None,
    progress: Progress | None = None,
) -> Embedded:
    """A vector for every text.

    Args:
        encoder: in evaluation mode.
        texts: a text without a token gives the vector of ``[CLS] [SEP]``.
        pooling: ``mean`` and ``max`` go over all tokens of the row, ``[CLS]`` and ``[SEP]`` included;
            ``cls`` is the first token's vector. These are the poolings of sentence-transformers.
        max_length: longer rows are cut to so many tokens; None for what the network can see.
        tokens_per_batch: padded tokens that go through the network at once; None for what suits the device.
        progress: advances by texts.

    Raises:
        UsageError: no such pooling, or ``max_length`` is out of range.
        NonFiniteError: the weights give no finite numbers.
    """
    longest = sequence_length(max_length, encoder.config.max_position_embeddings)
    rows = [
        assemble(ids.tolist(), None, vocabulary=tokenizer.vocabulary, max_length=longest)
        for ids in tokenizer.encode_ids(texts)
    ]
    vectors = extract(encoder, rows, pool=pooling, batch_tokens=tokens_per_batch, progress=Inner.of(progress))
    return Embedded(vectors, sum(row.truncated for row in rows))


def sequence_length(asked: int | None, possible: int) -> int:
    """The longest row: ``asked`` tokens, or all that the network can see.

    Raises:
        UsageError: fewer than 3 tokens, or more than ``possible``.
    """
    if asked is None:
        return possible
    if not 3 <= asked <= possible:
        raise UsageError(
            f"max_length: expected 3 to {possible}, the positions that the model has, got {asked}"
        )
    return asked
