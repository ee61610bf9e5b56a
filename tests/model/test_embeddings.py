"""Input representation: the sum that the paper draws, normalized."""

from __future__ import annotations

import pytest
import torch

from bertwright.errors import ModelError
from bertwright.model.config import BertConfig
from bertwright.model.embeddings import BertEmbeddings

CONFIG = BertConfig(
    vocab_size=7, hidden_size=4, num_attention_heads=1, max_position_embeddings=5, type_vocab_size=3
)


def test_sum_then_norm() -> None:
    module = BertEmbeddings(CONFIG).eval()
    ids, types = torch.tensor([[6, 0, 6]]), torch.tensor([[0, 1, 2]])
    vectors = (
        module.word_embeddings.weight[ids]
        + module.position_embeddings.weight[:3]
        + module.token_type_embeddings.weight[types]
    )
    centred = vectors - vectors.mean(-1, keepdim=True)
    expected = centred / (centred.square().mean(-1, keepdim=True) + 1e-12).sqrt()
    torch.testing.assert_close(module(ids, types), expected)


def test_types_default_to_the_first_segment() -> None:
    module = BertEmbeddings(CONFIG).eval()
    ids = torch.tensor([[1, 2], [3, 4]])
    assert torch.equal(module(ids), module(ids, torch.zeros_like(ids)))


def test_as_long_as_there_are_positions() -> None:
    module = BertEmbeddings(CONFIG).eval()
    assert module(torch.zeros(1, 5, dtype=torch.int64)).shape == (1, 5, 4)
    with pytest.raises(ModelError, match="sequence of 6 tokens: the model has 5 positions"):
        module(torch.zeros(1, 6, dtype=torch.int64))
