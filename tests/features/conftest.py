"""A very small encoder."""

from __future__ import annotations

import pytest

from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder


@pytest.fixture(scope="session")
def encoder() -> BertEncoder:
    config = BertConfig(
        vocab_size=20,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
        initializer_range=0.3,
    )
    return BertEncoder(config, seed=1)
