"""Losses by hand, against PyTorch's, and in parts."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from bertwright.execution.threads import computing_with
from bertwright.model import cross_entropy as module
from bertwright.model.cross_entropy import IGNORED, cross_entropy
from bertwright.model.losses import classification_loss, masked_language_loss


def test_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])
    labels = torch.tensor([0, 1])
    first, second = math.log(2), math.log(4)
    assert float(masked_language_loss(logits, labels)) == pytest.approx((first + second) / (2 + 1e-5))
    assert float(classification_loss(logits, labels)) == pytest.approx((first + second) / 2)


def test_nothing_masked_costs_nothing() -> None:
    assert float(masked_language_loss(torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64))) == 0.0


def test_parts_add_up_to_the_whole() -> None:
    logits, labels = torch.randn(10, 7), torch.randint(0, 7, (10,))
    pair, classes = torch.randn(6, 2), torch.randint(0, 2, (6,))
    whole = masked_language_loss(logits, labels)
    parts = [masked_language_loss(logits[p], labels[p], total=10) for p in (slice(0, 3), slice(3, 10))]
    torch.testing.assert_close(sum(parts), whole)
    whole = classification_loss(pair, classes)
    parts = [classification_loss(pair[p], classes[p], total=6) for p in (slice(0, 5), slice(5, 6))]
    torch.testing.assert_close(sum(parts), whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("positions", [1, 2, 5, 13])
def test_the_kernels_are_pytorchs_formula(
    dtype: torch.dtype, positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WORTHWHILE", 0)
    logits = (3 * torch.randn(positions, 41)).to(dtype).requires_grad_()
    plain = logits.detach().clone().requires_grad_()
    labels, weights = torch.randint(0, 41, (positions,)), torch.rand(positions)
    labels[1::3] = IGNORED
    ours = cross_entropy(logits, labels)
    theirs = F.cross_entropy(plain.float(), labels, reduction="none")
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    assert ours.dtype is torch.float32
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    torch.testing.assert_close(
        logits.grad, plain.grad, rtol=1e-2 if dtype is torch.bfloat16 else 1e-5, atol=1e-6
    )


@pytest.mark.parametrize("worthwhile", [0, 1 << 20])
def test_a_label_that_cannot_be_is_an_error(worthwhile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one below 0, unless it is the one that asks for nothing."""
    monkeypatch.setattr(module, "_WORTHWHILE", worthwhile)
    with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
        cross_entropy(torch.zeros(2, 3), torch.tensor([1, -1]))


def test_large_logits_do_not_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WORTHWHILE", 0)
    logits = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    loss = cross_entropy(logits, torch.tensor([1]))
    loss.sum().backward()
    assert loss.tolist() == [20000.0]
    assert logits.grad is not None and logits.grad.tolist() == [[1.0, -1.0, 0.0]]


@settings(deadline=None)
@given(
    st.lists(st.floats(-300, 300, width=32), min_size=2, max_size=70),
    st.integers(0, 1 << 20),
    st.sampled_from([torch.float32, torch.bfloat16]),
    st.floats(0, 2, width=32),
)
def test_any_row_within_rounding(row: list[float], place: int, dtype: torch.dtype, weight: float) -> None:
    """Against float64; the loss within float32's rounding of the logits, the gradient within its own."""
    logits = torch.tensor([row, row]).to(dtype)
    exact = logits.double().requires_grad_()
    labels = torch.tensor([place % len(row), 0])
    theirs = F.cross_entropy(exact, labels, reduction="none")
    theirs.backward(torch.tensor([weight, 1.0], dtype=torch.float64))  # type: ignore[no-untyped-call]
    logits.requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_WORTHWHILE", 0)
        ours = cross_entropy(logits, labels)
    ours.backward(torch.tensor([weight, 1.0]))  # type: ignore[no-untyped-call]
    assert logits.grad is not None and exact.grad is not None
    torch.testing.assert_close(ours.double(), theirs, rtol=2e-6, atol=1e-4)
    rounding = 2**-8 if dtype is torch.bfloat16 else 1e-4  # e**300 asks for 9 digits of the logit
    torch.testing.assert_close(logits.grad.double(), exact.grad, rtol=rounding, atol=1e-6)


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_no_number_does_not_get_lost(
    strange: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WORTHWHILE", 0)
    logits = torch.zeros(2, 50, dtype=dtype)
    logits[1, 20] = strange
    losses = cross_entropy(logits, torch.tensor([3, 3]))
    assert torch.equal(losses.isfinite(), torch.tensor([True, strange == -math.inf]))
    assert float(losses[0]) == pytest.approx(math.log(50))
    if strange == -math.inf:
        assert float(losses[1]) == pytest.approx(math.log(49))


@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_bytes_whatever_the_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WORTHWHILE", 0)
    logits = torch.randn(7, 90, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels, found = torch.arange(7), []
    for number in (1, threads):
        with computing_with(number):
            losses = cross_entropy(logits, labels)
            losses.sum().backward()
        assert logits.grad is not None
        found.append((losses.detach(), logits.grad.clone()))
        logits.grad = None
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
