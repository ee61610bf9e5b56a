"""One vector a text: the encoder's last layer, pooled over the tokens of the text.

Axes: B rows of a batch, S positions, H hidden size, N texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bertwright.errors import NonFiniteError, UsageError, quote
from bertwright.inference.batching import TOKENS_PER_BATCH, InputTensors
from bertwright.model.encoder import BertEncoder
from bertwright.progress import Progress, Silent
from bertwright.tokenization.encoding import assemble
from bertwright.tokenization.padding import length_groups
from bertwright.tokenization.tokenizer import Tokenizer

Pooling = Literal["mean", "cls", "max"]


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
    pooling: Pooling = "mean",
    max_length: int | None = None,
    tokens_per_batch: int = TOKENS_PER_BATCH,
    progress: Progress | None = None,
) -> Embedded:
    """A vector for every text.

    Args:
        encoder: in evaluation mode.
        texts: a text without a token gives the vector of ``[CLS] [SEP]``.
        pooling: ``mean`` and ``max`` go over all tokens of the row, ``[CLS]`` and ``[SEP]`` included;
            ``cls`` is the first token's vector. These are the poolings of sentence-transformers.
        max_length: longer rows are cut to so many tokens; None for what the network can see.
        tokens_per_batch: padded tokens that go through the network at once.
        progress: advances by texts.

    Raises:
        UsageError: no such pooling, or ``max_length`` is out of range.
    """
    watch = progress or Silent()
    pool = pooling_of(pooling)
    longest = sequence_length(max_length, encoder.config.max_position_embeddings)
    vocabulary = tokenizer.vocabulary
    rows = [
        assemble(ids.tolist(), None, vocabulary=vocabulary, max_length=longest)
        for ids in tokenizer.encode_ids(texts)
    ]
    vectors = np.empty((len(rows), encoder.config.hidden_size), np.float32)
    device = encoder.embeddings.word_embeddings.weight.device
    with torch.inference_mode():
        for batch in length_groups([len(row) for row in rows], tokens_per_batch):
            tensors = InputTensors.of([rows[number] for number in batch.tolist()], vocabulary.pad_id, device)
            hidden = encoder(*tensors).last_hidden_state  # (B, S, H)
            vectors[batch] = pool(hidden.float(), tensors.attention_mask).cpu().numpy()
            _check_finite(vectors[batch], texts, batch)
            watch.advance(len(batch))
    return Embedded(vectors, sum(row.truncated for row in rows))


def pooling_of(name: str) -> Callable[[Tensor, Tensor | None], Tensor]:
    """The pooling called ``name``: hidden states (B, S, H) and mask (B, S) or None to vectors (B, H).

    Raises:
        UsageError: there is none of that name.
    """
    if name not in _POOLINGS:
        raise UsageError(f"pooling: expected one of {', '.join(get_args(Pooling))}, got {quote(name)}")
    return _POOLINGS[name]


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


def _check_finite(vectors: NDArray[np.float32], texts: Sequence[str], numbers: NDArray[np.int64]) -> None:
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        text = texts[int(numbers[int(finite.argmin())])]
        raise NonFiniteError(f"the vector of {quote(text)} is not finite: the weights are unusable")


def _mean(hidden: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return hidden.mean(dim=1)
    weights = mask.unsqueeze(-1).to(hidden.dtype)  # (B, S, 1)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)


def _cls(hidden: Tensor, _mask: Tensor | None) -> Tensor:
    return hidden[:, 0]


def _max(hidden: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None:
        hidden = hidden.masked_fill(~mask.unsqueeze(-1), float("-inf"))
    return hidden.amax(dim=1)


_POOLINGS: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {"mean": _mean, "cls": _cls, "max": _max}
