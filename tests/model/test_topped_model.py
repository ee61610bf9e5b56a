"""A BiLSTM on an encoder: by hand, against padding, and where the right side of a token comes in."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model.test_left_to_right import CONFIG, inputs
from torch import Tensor, nn

from bertwright.model.encoder import BertEncoder
from bertwright.model.topped_model import ToppedModel

C, D = 3, 5


def model(*, by_token: bool, causal: bool = True, seed: int = 1) -> ToppedModel:
    config = CONFIG.model_copy(update={"is_decoder": causal, "pooled_token": "first"})
    return ToppedModel(BertEncoder(config, seed=seed), C, by_token=by_token, size=D, seed=seed).eval()


def read_by_hand(lstm: nn.LSTM, hidden: Tensor) -> Tensor:
    """Cell by cell over the tokens (S, W) of one row: (S, 2 D)."""
    for layer in range(lstm.num_layers):
        columns = []
        for suffix, order in (
            ("", range(len(hidden))),
            ("_reverse", reversed(range(len(hidden)))),
        ):
            cell = nn.LSTMCell(hidden.shape[1], lstm.hidden_size)
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                setattr(cell, part, getattr(lstm, f"{part}_l{layer}{suffix}"))
            state, steps = None, {}
            for place in order:
                state = cell(hidden[place], state)
                steps[place] = state[0]
            columns.append(torch.stack([steps[place] for place in range(len(hidden))]))
        hidden = torch.cat(columns, dim=1)
    return hidden


def by_hand(topped: ToppedModel, ids: Tensor, types: Tensor) -> Tensor:
    """The logits of one row without padding."""
    hidden = topped.encoder(ids[None], types[None]).last_hidden_state[0]
    read = read_by_hand(topped.top, hidden)
    if not topped.by_token:
        read = torch.cat([read[-1, :D], read[0, D:]])
    logits: Tensor = topped.head.output(read)
    return logits


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("by_token", [True, False])
def test_outputs_and_gradients_by_hand(by_token: bool, causal: bool) -> None:
    """A batch with padding against each of its rows alone, cell by cell."""
    ids, types, mask = inputs(3, rows=4)
    topped = model(by_token=by_token, causal=causal)
    lengths = mask.sum(1).tolist()
    assert len(set(lengths)) > 1
    weights = torch.randn(4, ids.shape[1], C, generator=torch.Generator().manual_seed(2))
    found = topped(ids, types, mask)
    alone = [by_hand(topped, ids[row, :length], types[row, :length]) for row, length in enumerate(lengths)]
    gradients = []
    for rows in (found, alone):
        loss = torch.zeros(())
        for row, length in enumerate(lengths):
            logits = rows[row][:length] if by_token else rows[row]
            loss = loss + (logits * (weights[row, :length] if by_token else weights[row, 0])).sum()
        topped.zero_grad()
        loss.backward(retain_graph=True)
        gradients.append(
            {name: p.grad.clone() for name, p in topped.named_parameters() if p.grad is not None}
        )
    for row, length in enumerate(lengths):
        kept = found[row, :length] if by_token else found[row]
        torch.testing.assert_close(kept, alone[row], rtol=0, atol=1e-5)
    without = {name for name, _ in topped.named_parameters()} - set(gradients[0])
    assert without == {"encoder.pooler.dense.weight", "encoder.pooler.dense.bias"}
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-3, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 7), st.integers(0, 9), st.integers(0, 99), st.booleans())
def test_padding_changes_nothing(length: int, padding: int, seed: int, by_token: bool) -> None:
    topped = model(by_token=by_token)
    ids, types, _ = inputs(seed)
    alone = topped(ids[:1, :length], types[:1, :length])[0]
    wide_ids = torch.randint(0, 97, (3, length + padding))
    wide_types = torch.zeros_like(wide_ids)
    wide_ids[0, :length], wide_types[0, :length] = ids[0, :length], types[0, :length]
    mask = torch.ones(3, length + padding, dtype=torch.bool)
    mask[0, length:] = False
    found = topped(wide_ids, wide_types, mask)[0]
    torch.testing.assert_close(alone, found[:length] if by_token else found, rtol=0, atol=2e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 9), st.data(), st.integers(0, 99))
def test_the_right_side_comes_in_through_the_backward_direction_alone(
    length: int, data: st.DataObject, seed: int
) -> None:
    """Under it the encoder stays left-to-right; without what it read, so are the outputs."""
    changed = data.draw(st.integers(1, length - 1))
    topped = model(by_token=True, seed=seed)
    ids, types, _ = inputs(seed, 3, length)
    other = ids.clone()
    other[:, changed:] = (ids[:, changed:] + 1) % 97
    with torch.no_grad():
        before, after = (topped.encoder(rows, types).last_hidden_state for rows in (ids, other))
        torch.testing.assert_close(before[:, :changed], after[:, :changed], rtol=0, atol=1e-6)
        seen = topped(ids, types)[:, :changed] - topped(other, types)[:, :changed]
        assert float(seen.abs().max()) > 0
        for name, parameter in topped.top.named_parameters():
            if name.endswith("_reverse"):
                parameter.zero_()
        first, second = topped(ids, types), topped(other, types)
    torch.testing.assert_close(first[:, :changed], second[:, :changed], rtol=0, atol=1e-6)


def test_weights_follow_the_seed_and_leave_the_encoder() -> None:
    encoder = BertEncoder(CONFIG, seed=4)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    one, same, other = (ToppedModel(encoder, C, by_token=True, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["top.weight_ih_l0"], other["top.weight_ih_l0"])
    assert all(torch.equal(encoder.state_dict()[name], before[name]) for name in before)
    assert one["top.weight_ih_l0"].shape == (4 * CONFIG.hidden_size, CONFIG.hidden_size)


def test_reduced_precision_around_it() -> None:
    """The encoder may compute in bf16; the LSTM does not, and is not far from the result without."""
    topped = model(by_token=False)
    ids, types, mask = inputs(3)
    with torch.autocast("cpu", torch.bfloat16):
        reduced = topped(ids, types, mask)
    torch.testing.assert_close(reduced.float(), topped(ids, types, mask), rtol=0, atol=0.1)
