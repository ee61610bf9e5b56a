"""The ELMo-like language model: by hand and cell by cell, one way each, padding never read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from bertwright.errors import ModelError, SettingsError
from bertwright.model.bilm import FORGET_BIAS, BilmEncoder, BilmForPreTraining
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.losses import masked_language_loss
from bertwright.model.turned_rows import turned_positions

V, P, C, LONGEST = 37, 4, 7, 20
CONFIG = BilmConfig(
    vocab_size=V,
    hidden_size=2 * P,
    intermediate_size=C,
    max_position_embeddings=LONGEST,
    initializer_range=0.5,
    hidden_dropout_prob=0.0,
)


def inputs(seed: int, rows: int, length: int) -> tuple[Tensor, Tensor]:
    """Ids, and a mask with padding behind."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, V, (rows, length), generator=generator)
    mask = torch.arange(length) < torch.randint(1, length + 1, (rows, 1), generator=generator)
    mask[0] = True
    return ids, mask


def pairs(mask: Tensor) -> Tensor:
    """(Q,): flat positions of tokens that have one after them."""
    places = mask[:, 1:].nonzero()
    return places[:, 0] * mask.shape[1] + places[:, 1]


def step_by_hand(layer: nn.LSTM, read: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """One step of an LSTM with a projection (Sak et al. 2014), as formulas: (P,), and output and cell."""
    output, cell = state
    gates = layer.weight_ih_l0 @ read + layer.bias_ih_l0 + layer.weight_hh_l0 @ output + layer.bias_hh_l0
    into, keep, new, out = gates.chunk(4)
    cell = keep.sigmoid() * cell + into.sigmoid() * new.tanh()
    return layer.weight_hr_l0 @ (out.sigmoid() * cell.tanh()), cell


def layers_by_hand(layers: nn.ModuleList, embedded: Tensor, order: list[int]) -> list[Tensor]:
    """The states (S, P) of one row, read in ``order``."""
    states, hidden = [], embedded
    for number, layer in enumerate(layers):
        assert isinstance(layer, nn.LSTM)
        state, found = (torch.zeros(P), torch.zeros(C)), {}
        for place in order:
            state = step_by_hand(layer, hidden[place], state)
            found[place] = state[0] + (hidden[place] if number else 0)  # a residual from the second on
        hidden = torch.stack([found[place] for place in range(len(embedded))])
        states.append(hidden)
    return states


def both_by_hand(encoder: BilmEncoder, ids: Tensor) -> list[Tensor]:
    """The hidden states (S, 2 P) of one row without padding, lowest first."""
    embedded = encoder.word_embeddings.weight[ids]
    places = list(range(len(ids)))
    there = layers_by_hand(encoder.forward_layers, embedded, places)
    back = layers_by_hand(encoder.backward_layers, embedded, places[::-1])
    return [torch.cat(both, dim=1) for both in zip([embedded, *there], [embedded, *back], strict=True)]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_hidden_states_by_hand(layers: int) -> None:
    """A batch with padding against each of its rows alone, formula by formula."""
    encoder = BilmEncoder(CONFIG.model_copy(update={"num_hidden_layers": layers}), seed=3).eval()
    ids, mask = inputs(1, 5, 9)
    output = encoder(ids, None, mask, output_hidden_states=True)
    assert output.hidden_states is not None and len(output.hidden_states) == layers + 1
    lengths = mask.sum(1).tolist()
    assert len(set(lengths)) > 2
    for row, length in enumerate(lengths):
        expected = both_by_hand(encoder, ids[row, :length])
        for found, by_hand in zip(output.hidden_states, expected, strict=True):
            torch.testing.assert_close(found[row, :length], by_hand, rtol=0, atol=1e-6)
        ends = torch.cat([expected[-1][-1, :P], expected[-1][0, P:]])
        torch.testing.assert_close(output.pooled_output[row], ends, rtol=0, atol=1e-6)
    torch.testing.assert_close(output.last_hidden_state, output.hidden_states[-1])


def test_loss_and_gradients_by_hand() -> None:
    """Both directions' cross-entropies of each row alone; every parameter."""
    model = BilmForPreTraining(CONFIG, seed=5)
    ids, mask = inputs(2, 6, 8)
    positions = pairs(mask)
    flat = ids.flatten()
    labels = torch.cat([flat[positions + 1], flat[positions]])
    loss = masked_language_loss(model(ids, None, mask, positions).mlm_logits, labels)
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    assert len(gradients) == len(list(model.parameters())) == 2 + 2 * 2 * 5
    model.zero_grad()
    losses, count = torch.zeros(()), 0
    for row in range(6):
        own = ids[row, : int(mask[row].sum())]
        top = both_by_hand(model.encoder, own)[-1]
        for said, truth in ((top[:-1, :P], own[1:]), (top[1:, P:], own[:-1])):
            logits = said @ model.encoder.word_embeddings.weight.T + model.softmax_bias
            losses = losses + F.cross_entropy(logits, truth, reduction="sum")
            count += len(truth)
    assert count == 2 * len(positions)
    expected = losses / count
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-3, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.data(), st.integers(0, 99), st.booleans())
def test_each_direction_sees_one_side_alone(
    length: int, data: st.DataObject, seed: int, training: bool
) -> None:
    """In every layer, in the bytes: a later token changes nothing said forward, an earlier one nothing said
    backward; with dropout too, when its seed is the same."""
    place = data.draw(st.integers(0, length - 1))
    config = CONFIG.model_copy(update={"hidden_dropout_prob": 0.2})
    encoder = BilmEncoder(config, seed=seed).train(training)
    ids, mask = inputs(seed, 3, length)
    mask[:, : place + 1] = True
    other = ids.clone()
    other[:, place] = ids[:, place] % (V - 1) + 1
    outputs = []
    for rows in (ids, other):
        torch.manual_seed(seed)
        states = encoder(rows, None, mask, output_hidden_states=True).hidden_states
        assert states is not None
        outputs.append(states)
    for before, after in zip(*outputs, strict=True):
        assert torch.equal(before[:, :place, :P], after[:, :place, :P])
        seen = mask[:, place + 1 :]
        assert torch.equal(before[:, place + 1 :, P:][seen], after[:, place + 1 :, P:][seen])
    differs = (outputs[0][-1] != outputs[1][-1]).any(-1)
    if not training:  # dropout may hide the token itself
        assert differs[:, place].all() and differs.any(1).all()


def test_neither_direction_learns_from_the_other() -> None:
    model = BilmForPreTraining(CONFIG, seed=5)
    ids, mask = inputs(2, 6, 8)
    positions = pairs(mask)
    for half, silent in ((slice(None, len(positions)), "backward"), (slice(len(positions), None), "forward")):
        model.zero_grad()
        model(ids, None, mask, positions).mlm_logits[half].square().sum().backward()
        for name, parameter in model.named_parameters():
            quiet = parameter.grad is None or not parameter.grad.any()
            assert quiet == name.startswith(f"encoder.{silent}_layers."), name


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 99))
def test_padding_is_never_read(length: int, padding: int, seed: int) -> None:
    encoder = BilmEncoder(CONFIG, seed=1).eval()
    ids, _ = inputs(seed, 1, length)
    alone = encoder(ids)
    wide = torch.randint(0, V, (3, length + padding))
    wide[0, :length] = ids[0]
    mask = torch.ones(3, length + padding, dtype=torch.bool)
    mask[0, length:] = False
    together = encoder(wide, None, mask)
    torch.testing.assert_close(together.last_hidden_state[:1, :length], alone[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(together.pooled_output[:1], alone.pooled_output, rtol=0, atol=1e-6)


def test_turned_round() -> None:
    hidden = torch.zeros(3, 4, 1)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0]])
    assert turned_positions(hidden, mask).tolist() == [[3, 2, 1, 0], [2, 1, 0, 3], [0, 1, 2, 3]]
    assert turned_positions(hidden, None).tolist() == [[3, 2, 1, 0]] * 3


def test_the_forward_half_alone() -> None:
    model = BilmForPreTraining(CONFIG, seed=2).eval()
    ids, mask = inputs(4, 3, 7)
    positions = pairs(mask)
    both = model(ids, None, mask, positions)
    torch.testing.assert_close(model.next_logits(ids, positions), both.mlm_logits[: len(positions)])
    assert both.nsp_logits.shape == (0, 2)


def test_weights_follow_the_seed_and_gates_keep_at_first() -> None:
    one, same, other = (BilmForPreTraining(CONFIG, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    name = "encoder.forward_layers.0.weight_ih_l0"
    assert not torch.equal(one[name], other[name])
    assert not torch.equal(one[name], one[name.replace("forward", "backward")])
    bias = one["encoder.backward_layers.1.bias_ih_l0"]
    assert bias.tolist() == [0.0] * C + [FORGET_BIAS] * C + [0.0] * 2 * C


def test_pytorchs_own_initial_values_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even without numbers they load its compiler, for a second."""

    def drawn(*_: object, **__: object) -> None:
        raise AssertionError

    BilmEncoder(CONFIG, seed=None)  # the first of a process also makes an LSTM to hear a warning
    for name in ("uniform_", "normal_"):
        monkeypatch.setattr(Tensor, name, drawn)
    assert all(parameter.is_meta for parameter in BilmEncoder(CONFIG, seed=None).parameters())


def test_published_sizes() -> None:
    """ELMo's own (Peters et al. 2018, section 3.4): two layers, 4,096 cells, projected to 512."""
    large = BilmConfig.published("large", num_hidden_layers=2, num_attention_heads=1)
    assert (large.num_cells, large.direction_size) == (4096, 512)
    for config in (CONFIG, CONFIG.model_copy(update={"num_hidden_layers": 3})):
        model = BilmForPreTraining(config)
        assert sum(p.numel() for p in model.parameters()) == config.num_pretraining_parameters()
        assert sum(p.numel() for p in model.encoder.parameters()) == config.num_parameters()


def test_what_is_no_such_network() -> None:
    with pytest.raises(ValidationError, match="hidden_size: expected an even number"):
        BilmConfig(hidden_size=7, intermediate_size=9)
    with pytest.raises(ValidationError, match=r"more cells than they are projected to \(8\), got 8"):
        BilmConfig(hidden_size=16, intermediate_size=8)
    with pytest.raises(SettingsError, match="num_attention_heads: expected 1, got 2"):
        BilmConfig.published("tiny")
    with pytest.raises(ModelError, match=r"config\.json: hidden_size: missing; .*vocab_size: expected"):
        values = {name: value for name, value in CONFIG.to_dict().items() if name != "hidden_size"}
        BilmConfig.from_dict(values | {"vocab_size": 0}, Path("config.json"))
    assert BilmConfig.from_dict(CONFIG.to_dict(), "config.json") == CONFIG
    with pytest.raises(ModelError, match="sequence of 21 tokens: the model reads 20 at most"):
        BilmEncoder(CONFIG)(torch.zeros(1, LONGEST + 1, dtype=torch.long))
