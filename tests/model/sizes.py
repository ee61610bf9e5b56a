"""The small network of this room's tests, no two of its sizes alike, and the shape of its batches."""

from __future__ import annotations

from bertwright.model.config import BertConfig

CONFIG = BertConfig(
    vocab_size=97,
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=37,
    max_position_embeddings=41,
    type_vocab_size=5,
    initializer_range=0.3,
)
B, S = 13, 7
