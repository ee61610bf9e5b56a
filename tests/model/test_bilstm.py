"""The fast way through a BiLSTM against PyTorch's own way of leaving padding out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from bertwright.model.bilstm import initialize_uniform, new_bilstm, read_both_ways, read_packed

W, D = 7, 5


def bilstm(dropout: float = 0.0) -> nn.LSTM:
    lstm = new_bilstm(W, D, dropout)
    initialize_uniform(lstm, 1)
    return lstm


def batch(lengths: list[int], longest: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    return torch.randn(len(lengths), longest, W, generator=chance), mask


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(0, 3), st.integers(0, 99))
def test_outputs_and_gradients_are_those_of_packed_rows(lengths: list[int], more: int, seed: int) -> None:
    lstm = bilstm().train()
    hidden, mask = batch(lengths, max(lengths) + more, seed)
    weights = torch.randn(len(lengths), max(lengths) + more, 2 * D)
    found: list[list[Tensor]] = []
    for read in (read_both_ways, read_packed):
        lstm.zero_grad()
        given_rows = hidden.clone().requires_grad_()
        output = read(lstm, given_rows, mask)
        (output * weights).sum().backward()
        assert given_rows.grad is not None
        gradients = [parameter.grad.clone() for parameter in lstm.parameters() if parameter.grad is not None]
        assert len(gradients) == 16
        found.append([output.detach(), given_rows.grad, *gradients])
    for ours, plain in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)
    assert not found[0][0][~mask].any() and not found[0][1][~mask].any()


@pytest.mark.parametrize("kind", [torch.int64, torch.bool])
def test_what_stands_at_padding_is_never_read(kind: torch.dtype) -> None:
    lstm = bilstm().eval()
    hidden, mask = batch([3, 6, 1], 6)
    other = torch.where(mask[:, :, None], hidden, torch.full_like(hidden, 1e6))
    with torch.no_grad():
        first, second = (read_both_ways(lstm, rows, mask.to(kind)) for rows in (hidden, other))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_dropout_is_between_the_layers_and_in_training_alone() -> None:
    lstm = bilstm(0.5)
    hidden, mask = batch([4, 6], 6)
    with torch.no_grad():
        torch.manual_seed(3)
        drawn = [read_both_ways(lstm.train(), hidden, mask) for _ in range(2)]
        torch.manual_seed(3)
        again = read_both_ways(lstm, hidden, mask)
        plain = [read(lstm.eval(), hidden, mask) for read in (read_both_ways, read_packed)]
    assert not torch.equal(drawn[0], drawn[1]) and torch.equal(drawn[0], again)
    torch.testing.assert_close(*plain, rtol=1e-4, atol=1e-6)
