"""One vector a text: the encoder's last layer, pooled over the tokens of the text.

Axes: H hidden size, N texts, D numbers of a finished vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from bertwright.checkpoints.sentence_recipe import SentenceRecipe
from bertwright.errors import UsageError
from bertwright.features.extraction import extract
from bertwright.features.pooling import pooling as check_pooling
from bertwright.inference.stages import Inner
from bertwright.model.activations import activation
from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.progress import Progress
from bertwright.tokenization.encoding import assemble
from bertwright.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class Embedded:
    """Vectors of a list of texts."""

    vectors: NDArray[np.float32]
    """(N, D) float32, in the order of the texts."""
    tokens: tuple[int, ...]
    """That the network saw of each text, ``[CLS]`` and ``[SEP]`` included."""
    cut: tuple[bool, ...]
    """Whether a text had more than that."""

    @property
    def truncated(self) -> int:
        """Texts that were cut to the longest sequence."""
        return sum(self.cut)


def changed(
    recipe: SentenceRecipe | None,
    config: BertConfig,
    *,
    pooling: str | None = None,
    normalize: bool | None = None,
    max_length: int | None = None,
) -> SentenceRecipe:
    """What a folder says of vectors (None where it says nothing), and what a caller wants otherwise.

    Args:
        normalize: every finished vector has length 1, also where the folder keeps a part of each; or none is
            scaled.

    Raises:
        UsageError: no such pooling, one of another size than the folder's dense layer takes, or the first
            token of a left-to-right model, which has seen nothing of the text.
    """
    recipe = recipe or SentenceRecipe()
    if pooling is not None:
        check_pooling(pooling)
        if config.is_decoder and "cls" in pooling.split("+"):
            raise UsageError(
                "pooling: expected mean, max or lasttoken of a left-to-right model, whose first token "
                f"sees no other, got {pooling}"
            )
        width = config.hidden_size * len(pooling.split("+"))
        if recipe.dense and recipe.dense[0].weight.shape[1] != width:
            taken = recipe.dense[0].weight.shape[1]
            raise UsageError(f"pooling: expected {taken} numbers, as the dense layer takes, got {width}")
        recipe = replace(recipe, pooling=pooling)
    if normalize is not None:
        recipe = replace(recipe, normalize=normalize, unit=normalize and recipe.dimensions is not None)
    return recipe if max_length is None else replace(recipe, max_length=max_length)


def embed(
    encoder: BertEncoder,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    recipe: SentenceRecipe | None = None,
    *,
    tokens_per_batch: int | None = None,
    progress: Progress | None = None,
) -> Embedded:
    """A vector for every text.

    Args:
        encoder: in evaluation mode.
        texts: a text without a token gives the vector of ``[CLS] [SEP]``.
        recipe: pooling and what follows it; by default the mean over all tokens of the row, ``[CLS]`` and
            ``[SEP]`` included.
        tokens_per_batch: padded tokens that go through the network at once; None for what suits the device.
        progress: advances by texts.

    Raises:
        UsageError: no such pooling, or ``max_length`` is out of range.
        NonFiniteError: the weights give no finite numbers.
    """
    recipe = recipe or SentenceRecipe()
    longest = sequence_length(recipe.max_length, encoder.config.max_position_embeddings)
    rows = [
        assemble(ids.tolist(), None, vocabulary=tokenizer.vocabulary, max_length=longest)
        for ids in tokenizer.encode_ids([recipe.prompt + text for text in texts] if recipe.prompt else texts)
    ]
    pooled = extract(
        encoder, rows, pool=recipe.pooling, batch_tokens=tokens_per_batch, progress=Inner.of(progress)
    )
    lengths, cut = tuple(map(len, rows)), tuple(row.truncated for row in rows)
    return Embedded(_finished(pooled, recipe), lengths, cut)


def _finished(pooled: NDArray[np.float32], recipe: SentenceRecipe) -> NDArray[np.float32]:
    """(N, n H) pooled vectors to (N, D): dense layers, length 1, the first numbers, and these of length 1."""
    vectors = torch.from_numpy(pooled)
    with torch.inference_mode():
        for layer in recipe.dense:
            vectors = activation(layer.activation)(F.linear(vectors, layer.weight, layer.bias))
        if recipe.normalize:
            vectors = F.normalize(vectors, dim=-1)
        vectors = vectors[:, : recipe.dimensions].contiguous()
        if recipe.unit:
            vectors = F.normalize(vectors, dim=-1)
    result: NDArray[np.float32] = vectors.numpy()
    return result


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
