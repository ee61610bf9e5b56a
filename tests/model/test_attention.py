"""Attention against the formula written out in float64, and what masks promise."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bertwright.model.attention import MASKED_SCORE, SelfAttention, attention_bias, causal_bias
from bertwright.model.config import BertConfig
from bertwright.model.dropout import Drawing


def attention(heads: int, size: int, dropout: float = 0.0, causal: bool = False) -> SelfAttention:
    """In float64, with random weights."""
    config = BertConfig(
        hidden_size=heads * size,
        num_attention_heads=heads,
        attention_probs_dropout_prob=dropout,
        is_decoder=causal,
    )
    module = SelfAttention(config).double()
    for index, parameter in enumerate(module.parameters()):
        generator = torch.Generator().manual_seed(index)
        torch.nn.init.normal_(parameter, generator=generator)
    return module


def bias_of(mask: Tensor | None, causal: bool) -> Tensor | None:
    """What the encoder would hand to attention, in float64."""
    if mask is None:
        return None
    like = torch.empty(0, dtype=torch.float64)
    return causal_bias(mask.shape[1], like, mask) if causal else attention_bias(mask, torch.float64)


def formula(module: SelfAttention, hidden: Tensor, bias: Tensor | None) -> Tensor:
    """softmax(Q K^T / sqrt(D) + bias) V head by head, row by row; left-to-right, query by query."""
    width = hidden.shape[-1]
    size = width // module.num_heads
    rows = []
    for row in range(len(hidden)):
        fused = module.query_key_value(hidden[row])  # (S, 3H)
        heads = []
        for head in range(module.num_heads):
            query, key, value = (
                fused[:, part * width + head * size : part * width + (head + 1) * size] for part in range(3)
            )
            scores = query @ key.T / math.sqrt(size)
            if bias is not None:
                scores = scores + bias[row, 0]
            if module.causal:
                for place in range(len(scores)):
                    scores[place, place + 1 :] = -math.inf
            heads.append(scores.softmax(-1) @ value)
        rows.append(torch.cat(heads, dim=-1))
    return module.output(torch.stack(rows))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
def test_formula(
    rows: int, length: int, heads: int, size: int, masked: bool, causal: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    module = attention(heads, size, causal=causal).eval()
    hidden = torch.randn(rows, length, heads * size, dtype=torch.float64, generator=generator)
    mask = torch.rand(rows, length, generator=generator) > 0.4
    bias = bias_of(mask if masked else None, causal)
    torch.testing.assert_close(module(hidden, bias), formula(module, hidden, bias), rtol=0, atol=1e-9)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_the_path_with_dropout_equals_the_plain_one_when_nothing_is_dropped(
    masked: bool, causal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values and all gradients, in float64."""
    monkeypatch.setattr(Drawing, "new", lambda _: Drawing(0, 1 << 16))
    module = attention(3, 5, dropout=0.3, causal=causal)
    hidden = torch.randn(2, 7, 15, dtype=torch.float64, requires_grad=True)
    bias = bias_of(torch.rand(2, 7) > 0.3 if masked else None, causal)
    results = []
    for training in (True, False):
        module.train(training)
        output = module(hidden, bias)
        results.append([output, *torch.autograd.grad(output.pow(2).sum(), [hidden, *module.parameters()])])
    assert len(results[0]) == 6
    for fast, plain in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("causal", [True, False])
def test_gradients_with_dropout_are_those_of_the_values(causal: bool) -> None:
    """Finite differences with the mask held still by the seed."""
    module = attention(2, 3, dropout=0.5, causal=causal).train()
    hidden = torch.randn(2, 4, 6, dtype=torch.float64, requires_grad=True)

    def value(x: Tensor) -> Tensor:
        torch.manual_seed(3)
        return module(x, None)

    assert torch.autograd.gradcheck(value, hidden)


@torch.no_grad()
def test_dropout_keeps_the_mean() -> None:
    module = attention(2, 4, dropout=0.5)
    hidden = torch.randn(1, 6, 8, dtype=torch.float64)
    torch.manual_seed(1)
    mean = torch.stack([module.train()(hidden, None) for _ in range(4000)]).mean(0)
    expected = module.eval()(hidden, None)
    assert float((mean - expected).abs().max()) < 0.15 * float(expected.std())


@pytest.mark.parametrize("training", [True, False])
def test_masked_keys_have_no_influence(training: bool) -> None:
    module = attention(3, 4, dropout=0.2).train(training)
    mask = torch.tensor([[True, False, True, True, False]])
    hidden = torch.randn(1, 5, 12, dtype=torch.float64)
    changed = hidden.clone()
    changed[0, [1, 4]] = 5.0
    outputs = []
    for x in (hidden, changed):
        torch.manual_seed(0)
        outputs.append(module(x, attention_bias(mask, x.dtype)))
    seen = [0, 2, 3]  # queries at masked positions change, for they are different
    assert torch.equal(outputs[0][0, seen], outputs[1][0, seen])


@torch.no_grad()
def test_left_to_right_by_hand() -> None:
    """With queries of zero every key that is seen counts the same: a running mean of the values."""
    module = attention(1, 3, causal=True)
    torch.nn.init.zeros_(module.query_key_value.weight)
    torch.nn.init.zeros_(module.query_key_value.bias)
    module.query_key_value.weight[6:] = torch.eye(3)  # the value of a position is its hidden state
    torch.nn.init.eye_(module.output.weight)
    torch.nn.init.zeros_(module.output.bias)
    hidden = torch.tensor([[[1.0, 0.0, 2.0], [3.0, 0.0, 2.0], [2.0, 6.0, 5.0]]], dtype=torch.float64)
    expected = torch.tensor([[[1.0, 0.0, 2.0], [2.0, 0.0, 2.0], [2.0, 2.0, 3.0]]], dtype=torch.float64)
    torch.testing.assert_close(module(hidden, None), expected)


def test_causal_bias() -> None:
    inf, far = math.inf, MASKED_SCORE
    like = torch.empty(0)
    assert causal_bias(3, like).tolist() == [[[[0.0, -inf, -inf], [0.0, 0.0, -inf], [0.0, 0.0, 0.0]]]]
    masked = causal_bias(3, like, torch.tensor([[0, 1, 1]]))
    assert masked.tolist() == [[[[far, -inf, -inf], [far, 0.0, -inf], [far, 0.0, 0.0]]]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("training", [True, False])
def test_a_row_whose_keys_are_all_masked_stays_finite(dtype: torch.dtype, training: bool) -> None:
    module = attention(2, 4, dropout=0.1).to(dtype).train(training)
    hidden = torch.randn(2, 5, 8).to(dtype).requires_grad_()
    output = module(hidden, attention_bias(torch.zeros(2, 5, dtype=torch.bool), dtype))
    output.sum().backward()
    assert bool(output.isfinite().all())
    assert hidden.grad is not None and bool(hidden.grad.isfinite().all())


@pytest.mark.parametrize("dtype", [torch.bool, torch.int32, torch.int64, torch.float32])
def test_bias(dtype: torch.dtype) -> None:
    bias = attention_bias(torch.tensor([[1, 0, 1]]).to(dtype), torch.float32)
    assert bias.shape == (1, 1, 1, 3)
    assert bias.flatten().tolist() == [0.0, MASKED_SCORE, 0.0]
