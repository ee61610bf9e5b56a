"""Losses by hand, against PyTorch's, and in parts."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from bertwright.model import cross_entropy as module
from bertwright.model.cross_entropy import cross_entropy
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
def test_a_few_rows_at_a_time_equal_all_at_once(
    dtype: torch.dtype, positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 100)  # 2 rows of 41 classes
    logits = (3 * torch.randn(positions, 41)).to(dtype).requires_grad_()
    plain = logits.detach().clone().requires_grad_()
    labels, weights = torch.randint(0, 41, (positions,)), torch.rand(positions)
    ours = cross_entropy(logits, labels)
    theirs = F.cross_entropy(plain.float(), labels, reduction="none")
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    assert ours.dtype is torch.float32
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    torch.testing.assert_close(
        logits.grad, plain.grad, rtol=1e-2 if dtype is torch.bfloat16 else 1e-5, atol=1e-6
    )


def test_large_logits_do_not_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 3)
    logits = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    loss = cross_entropy(logits, torch.tensor([1]))
    loss.sum().backward()
    assert loss.tolist() == [20000.0]
    assert logits.grad is not None and logits.grad.tolist() == [[1.0, -1.0, 0.0]]
