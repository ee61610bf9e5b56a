"""Attention of rows of any length: the formula written out in float64, its gradients, and what is dropped."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bertwright.execution.threads import computing_with
from bertwright.execution.vectors import LANES
from bertwright.model import attention_kernel
from bertwright.model import row_attention as module
from bertwright.model.dropout import Drawing
from bertwright.model.row_attention import row_attention, takes_rows
from bertwright.model.token_rows import TokenRows

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=4)
DRAWING = Drawing(12345, 40000)


def formula(
    fused: Tensor, rows: TokenRows, hidden: Tensor | None, heads: int, causal: bool, kept: Tensor | None
) -> Tensor:
    """softmax(Q K^T / sqrt(D) + hidden), dropped out, times V: row by row, head by head.

    ``kept`` is what dropout multiplies each of all weights with, where they stand in the kernels' order.
    """
    width = fused.shape[1] // 3
    size = width // heads
    contexts, place = [], 0
    for first, length in zip(rows.firsts.tolist(), rows.lengths.tolist(), strict=True):
        tokens = slice(first, first + length)
        side = -(-length // LANES) * LANES
        parts = []
        for head in range(heads):
            query, key, value = (
                fused[tokens, part * width + head * size : part * width + (head + 1) * size]
                for part in range(3)
            )
            scores = query @ key.T / math.sqrt(size)
            if hidden is not None:
                scores = scores + hidden[tokens]
            if causal:
                scores = scores + torch.full_like(scores, -math.inf).triu(1)
            weights = scores.softmax(-1)
            if kept is not None:
                square = kept[place : place + side * side].view(side, side)
                weights = weights * square[:length, :length]
            place += side * side
            parts.append(weights @ value)
        contexts.append(torch.cat(parts, 1))
    return torch.cat(contexts)


def tokens_of(rows: TokenRows, width: int, seed: int) -> Tensor:
    return torch.randn(int(rows.lengths.sum()), 3 * width, generator=torch.Generator().manual_seed(seed))


def hidden_of(rows: TokenRows, seed: int) -> Tensor:
    """A third of the keys, but of no row all."""
    hidden = torch.rand(int(rows.lengths.sum()), generator=torch.Generator().manual_seed(seed)) < 0.33
    hidden[rows.firsts] = False
    return hidden * -10000.0


@settings(max_examples=60, deadline=None)
@given(
    LENGTHS,
    st.integers(1, 3),
    st.integers(1, 40),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 99),
)
def test_formula_and_gradient(
    lengths: list[int], heads: int, size: int, masked: bool, causal: bool, drops: bool, seed: int
) -> None:
    rows = TokenRows.of(lengths)
    fused = tokens_of(rows, heads * size, seed).requires_grad_()
    hidden = hidden_of(rows, seed) if masked else None
    count = heads * int(rows.squares(LANES).sum())
    kept = DRAWING.apply(torch.ones(count)).double() if drops else None
    gradient = torch.randn(len(fused), heads * size, generator=torch.Generator().manual_seed(seed + 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drawing, "new", lambda _: DRAWING)
        ours = row_attention(fused, rows, hidden, heads, 0.4 if drops else 0.0, causal)
    (ours_gradient,) = torch.autograd.grad(ours, fused, gradient)
    exact = fused.detach().double().requires_grad_()
    theirs = formula(exact, rows, None if hidden is None else hidden.double(), heads, causal, kept)
    (theirs_gradient,) = torch.autograd.grad(theirs, exact, gradient.double())
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours_gradient.double(), theirs_gradient, rtol=1e-4, atol=2e-4)


def test_bf16_is_rounded_last() -> None:
    """The result once, from float32; gradients, and the weights that they are made of, once each."""
    rows = TokenRows.of([33, 7, 128])
    fused = tokens_of(rows, 2 * 64, 0).bfloat16()
    gradient = torch.randn(len(fused), 2 * 64).bfloat16()
    results = []
    for dtype in (torch.bfloat16, torch.float32):
        given_tokens = fused.to(dtype).detach().requires_grad_()
        context = row_attention(given_tokens, rows, None, 2, 0.0, False)
        (slope,) = torch.autograd.grad(context, given_tokens, gradient.to(dtype))
        assert context.dtype is slope.dtype is dtype
        results.append((context.detach().float(), slope.float()))
    (low, low_slope), (high, high_slope) = results
    torch.testing.assert_close(low, high, rtol=2**-8, atol=1e-6)
    assert float((low_slope - high_slope).norm()) < 2**-8 * float(high_slope.norm())


def test_by_hand() -> None:
    """Queries of zero see all keys alike: a mean of the values; left-to-right a running one."""
    fused = torch.zeros(5, 3)
    fused[:, 2] = torch.tensor([2.0, 4.0, 9.0, 1.0, 3.0])
    rows = TokenRows.of([3, 2])
    assert rows.firsts.tolist() == [0, 3]
    assert rows.squares(4).tolist() == [16, 16]
    means = row_attention(fused, rows, None, 1, 0.0, False).squeeze(1)
    torch.testing.assert_close(means, torch.tensor([5.0, 5.0, 5.0, 2.0, 2.0]))
    running = row_attention(fused, rows, None, 1, 0.0, True).squeeze(1)
    torch.testing.assert_close(running, torch.tensor([2.0, 3.0, 5.0, 1.0, 2.0]))
    hidden = torch.tensor([0.0, -10000.0, 0.0, -10000.0, -10000.0])  # of the second row all: as if none were
    seen = row_attention(fused, rows, hidden, 1, 0.0, False).squeeze(1)
    torch.testing.assert_close(seen, torch.tensor([5.5, 5.5, 5.5, 2.0, 2.0]))


def test_hidden_keys_have_no_influence() -> None:
    rows = TokenRows.of([20, 5])
    fused = tokens_of(rows, 32, 3)
    hidden = hidden_of(rows, 3)
    changed = fused.clone()
    changed[hidden < 0, 32:] = 5.0  # keys and values
    assert (hidden < 0).any()
    first, second = (row_attention(x, rows, hidden, 2, 0.0, False) for x in (fused, changed))
    assert torch.equal(first, second)


def test_the_same_whatever_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST", 1)
    rows = TokenRows.of([17, 40, 3])
    fused = tokens_of(rows, 3 * 16, 0).requires_grad_()
    results = []
    for threads in (1, 2, 3):
        torch.manual_seed(1)
        with computing_with(threads):
            context = row_attention(fused, rows, None, 3, 0.2, False)
            results.append((context.detach(), *torch.autograd.grad(context.sum(), fused)))
    assert all(torch.equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


def test_weights_are_kept_for_a_gradient_of_short_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere there is no memory for them, and values and gradients are the same bit for bit."""
    sizes: list[int] = []
    attend = attention_kernel.attend_in_team
    monkeypatch.setattr(
        attention_kernel,
        "attend_in_team",
        lambda given, parts: (sizes.append(len(given[6])), attend(given, parts)),
    )
    rows = TokenRows.of([9, 30])
    fused = tokens_of(rows, 32, 0)
    hidden = hidden_of(rows, 1)
    results = []
    for most in (30, 29):
        monkeypatch.setattr(module, "_KEPT", most)
        torch.manual_seed(0)
        asked = fused.clone().requires_grad_()
        context = row_attention(asked, rows, hidden, 2, 0.2, False)
        results.append((context.detach(), *torch.autograd.grad(context.square().sum(), asked)))
    torch.manual_seed(0)
    assert torch.equal(row_attention(fused, rows, hidden, 2, 0.2, False), results[0][0])
    assert sizes == [2 * int(rows.squares(LANES).sum()), 0, 0]
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("spoiled", [np.nan, np.inf])
def test_what_is_no_number_stays_in_its_row(spoiled: float) -> None:
    rows = TokenRows.of([6, 6])
    fused = tokens_of(rows, 16, 0)
    fused[2, 3] = spoiled  # a query
    context = row_attention(fused, rows, None, 1, 0.0, False)
    assert context[2].isnan().all()
    assert context[6:].isfinite().all()


def test_which_processor_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of sixteen; matrix units are better at bf16."""

    def ask(dtype: torch.dtype, *names: str, tokens: int = 3) -> bool:
        monkeypatch.setattr(module, "has_instructions", lambda *asked: any(name in names for name in asked))
        return takes_rows(torch.ones(tokens, 6, dtype=dtype))

    assert not ask(torch.float32)
    assert ask(torch.float32, "avx512_f")
    assert ask(torch.bfloat16, "avx512_f")
    assert not ask(torch.bfloat16, "avx512_f", "amx_bf16")
    assert not ask(torch.float64, "avx512_f")
    assert not ask(torch.float32, "avx512_f", tokens=0)
    with torch.no_grad():  # answers wait for no kernels
        assert not ask(torch.float32, "avx512_f")
