"""Dropout: its rate, its scale, the same mask backwards, and repeatable from a seed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bertwright.model.dropout import Dropout, apply_mask, keep_mask

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]


@pytest.mark.parametrize("probability", [0.1, 0.25, 0.5, 0.9])
def test_rate_and_scale(probability: float) -> None:
    torch.manual_seed(5)
    mask, factor = keep_mask(torch.Size((1000, 1003)), probability)
    assert mask.unique().tolist() == [-1, 0]
    deviation = (probability * (1 - probability) / mask.numel()) ** 0.5
    assert float((mask == 0).double().mean()) == pytest.approx(probability, abs=5 * deviation + 1e-4)
    assert factor == pytest.approx(1 / (1 - probability), rel=1e-3)


def test_neighbours_that_share_a_random_number_are_independent() -> None:
    torch.manual_seed(6)
    mask, _ = keep_mask(torch.Size((250_000, 4)), 0.5)
    joint = (mask.long() @ torch.tensor([1, 2, 4, 8])).abs().bincount(minlength=16)  # all 16 patterns
    assert float(joint.max() - joint.min()) / 250_000 < 0.01


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_passes_where_the_value_did(dtype: torch.dtype) -> None:
    x = torch.full((7, 33), 2.0, dtype=dtype, requires_grad=True)
    dropout = Dropout(0.4).train()
    y = dropout(x)
    y.backward(torch.ones_like(y))
    assert x.grad is not None
    assert y.dtype is dtype and x.grad.dtype is dtype
    torch.testing.assert_close(y.detach(), 2 * x.grad)
    assert set(x.grad.float().unique().tolist()) == {0.0, x.grad.float().max().item()}


@given(st.lists(st.integers(0, 9), min_size=1, max_size=3), st.floats(0, 0.999))
def test_any_shape(shape: list[int], probability: float) -> None:
    mask, factor = keep_mask(torch.Size(shape), probability)
    values = apply_mask(torch.ones(shape), mask, factor)
    assert values.shape == mask.shape == tuple(shape)
    assert factor >= 1


def test_it_is_the_identity_in_evaluation_and_at_zero() -> None:
    x = torch.randn(3, 4)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_the_same_seed_gives_the_same_mask() -> None:
    masks = []
    for _ in range(2):
        torch.manual_seed(9)
        masks.append(keep_mask(torch.Size((5, 7)), 0.3)[0])
    assert torch.equal(*masks)


def test_it_follows_strides() -> None:
    x = torch.randn(4, 6).t().requires_grad_()
    y = Dropout(0.5).train()(x)
    assert y.shape == (6, 4)
    y.sum().backward()
