"""Blocks with products in bf16, against the same blocks in float32 with rounded factors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from bertwright.model.bf16_products import Bf16Linear, multiply_in_bf16
from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder

CONFIG = BertConfig(
    vocab_size=60,
    hidden_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    intermediate_size=80,
    max_position_embeddings=40,
    initializer_range=0.1,
)


@given(st.integers(0, 5), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_the_factors_are_rounded_and_the_sum_is_not(rows: int, inputs: int, outputs: int) -> None:
    draw = torch.Generator().manual_seed(rows * 1600 + inputs * 40 + outputs)
    exact = nn.Linear(inputs, outputs)
    x = torch.randn(rows, inputs, generator=draw)
    with torch.inference_mode():
        found = Bf16Linear(exact)(x)
        factors = (x.bfloat16().double(), exact.weight.bfloat16().double(), exact.bias.bfloat16().double())
        expected = F.linear(*factors)
    assert found.dtype == torch.bfloat16
    # the result is rounded once more, to 8 bits
    torch.testing.assert_close(found.double(), expected, rtol=2**-7, atol=1e-3)


def test_only_the_products_of_the_blocks_change() -> None:
    encoder = BertEncoder(CONFIG, seed=1).eval()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    multiply_in_bf16(encoder)
    after = encoder.state_dict()
    assert after.keys() == before.keys()
    changed = {name for name, tensor in after.items() if tensor.dtype == torch.bfloat16}
    assert len(changed) == 3 * 4 * 2  # blocks, products in each, weight and bias
    assert all(name.startswith("layers.") and "norm" not in name for name in changed)
    for name, tensor in before.items():
        assert torch.equal(after[name], tensor.to(after[name].dtype)), name


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_said_stays_close_and_float32(packed: bool) -> None:
    encoder = BertEncoder(CONFIG, seed=1).eval()
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 60, (6, 17), generator=draw)
    mask = torch.arange(17) < torch.tensor([[17], [17], [9], [9], [3], [1]])
    with torch.inference_mode():
        exact = encoder.at_tokens(ids, None, mask) if packed else encoder(ids, None, mask).last_hidden_state
        multiply_in_bf16(encoder)
        found = encoder.at_tokens(ids, None, mask) if packed else encoder(ids, None, mask).last_hidden_state
    assert found.dtype == torch.float32
    assert 1e-4 < (found - exact)[mask].abs().max() < 0.1
    assert F.cosine_similarity(found[mask], exact[mask]).min() > 0.999
