"""Texts that grow, read piece by piece: as if they were read whole each time."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.model.config import BertConfig
from bertwright.model.continuation import Continuation
from bertwright.model.encoder import BertEncoder

POSITIONS = 24
CONFIG = BertConfig(
    vocab_size=30,
    hidden_size=12,
    num_hidden_layers=3,
    num_attention_heads=3,
    intermediate_size=20,
    max_position_embeddings=POSITIONS,
    is_decoder=True,
    initializer_range=0.3,
)
ENCODER = BertEncoder(CONFIG, seed=4).eval()


def read_whole(rows: list[list[int]]) -> torch.Tensor:
    """(B, H): the last hidden state of every row, each read by itself."""
    return torch.stack([ENCODER(torch.tensor([row])).last_hidden_state[0, -1] for row in rows])


def read_next(known: Continuation, parts: list[list[int]]) -> torch.Tensor:
    """What the network says at the end of ``parts``, which are padded with token 7."""
    longest = max(map(len, parts))
    ids = torch.tensor([part + [7] * (longest - len(part)) for part in parts])
    return known.read(ids, torch.tensor([len(part) for part in parts]))


tokens = st.integers(0, CONFIG.vocab_size - 1)
parts = st.lists(tokens, min_size=1, max_size=4)


@torch.no_grad()
@settings(deadline=None)
@given(st.lists(st.lists(parts, min_size=4, max_size=4), min_size=1, max_size=4))
def test_as_if_read_whole(texts: list[list[list[int]]]) -> None:
    known, rows = Continuation(ENCODER, len(texts), POSITIONS), [[] for _ in texts]  # type: ignore[var-annotated]
    for step in range(4):
        new = [text[step] for text in texts]
        rows = [row + part for row, part in zip(rows, new, strict=True)]
        torch.testing.assert_close(read_next(known, new), read_whole(rows), atol=2e-6, rtol=1e-5)


@torch.no_grad()
def test_some_go_on() -> None:
    """The others are forgotten, and the order may be another."""
    texts = [[1, 2, 3], [4], [5, 6]]
    known = Continuation(ENCODER, 3, POSITIONS)
    read_next(known, texts)
    known.keep(torch.tensor([2, 0]))
    torch.testing.assert_close(
        read_next(known, [[8], [9]]), read_whole([[5, 6, 8], [1, 2, 3, 9]]), atol=2e-6, rtol=1e-5
    )


@torch.no_grad()
def test_up_to_the_last_position() -> None:
    row = [token % 30 for token in range(POSITIONS)]
    known = Continuation(ENCODER, 1, POSITIONS)
    read_next(known, [row[:-1]])
    torch.testing.assert_close(read_next(known, [row[-1:]]), read_whole([row]), atol=2e-6, rtol=1e-5)
    with pytest.raises(IndexError):
        read_next(known, [[1]])


def test_of_left_to_right_encoders_alone() -> None:
    bidirectional = BertEncoder(CONFIG.model_copy(update={"is_decoder": False}))
    with pytest.raises(ValueError, match="left-to-right"):
        Continuation(bidirectional, 1, 8)
