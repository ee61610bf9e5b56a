"""The learned sum of layers, and the models on frozen vectors."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from bertwright.features.layers import layer_choice
from bertwright.features.model import FeatureModel, LayerMix


def test_the_mix_by_hand() -> None:
    mix = LayerMix(2)
    vectors = torch.tensor([[[[1.0, 2.0], [5.0, 6.0]]]])  # one token, two layers
    assert mix(vectors).tolist() == [[[3.0, 4.0]]]  # it begins as the mean
    with torch.no_grad():
        mix.weights.copy_(torch.tensor([3.0, 1.0]).log())
        mix.gamma.fill_(2.0)
    torch.testing.assert_close(mix(vectors), torch.tensor([[[4.0, 6.0]]]))  # 2 * (3/4 a + 1/4 b)
    mix(vectors).sum().backward()
    assert mix.weights.grad is not None and mix.gamma.grad is not None
    torch.testing.assert_close(mix.weights.grad.sum(), torch.tensor(0.0), atol=1e-5, rtol=0)


def _batch() -> tuple[torch.Tensor, torch.Tensor]:
    vectors = torch.randn(2, 5, 4, 6, generator=torch.Generator().manual_seed(1))
    return vectors, torch.tensor([[True] * 5, [True] * 3 + [False] * 2])


def test_padding_changes_nothing() -> None:
    vectors, mask = _batch()
    other = vectors.clone()
    other[1, 3:] = 1000.0
    for name in ("concat-last-four", "weighted-sum-last-four"):
        for head in ("linear", "bilstm"):
            for pool in ("mean", "max", None):
                choice = layer_choice(name, 4)
                model = FeatureModel(choice, 6, 3, head=head, pool=pool, seed=2).eval()
                together = model(other, mask)
                for row, length in ((0, 5), (1, 3)):
                    alone = model(vectors[row : row + 1, :length], None)[0]
                    found = together[row] if pool else together[row, :length]
                    torch.testing.assert_close(found, alone, atol=1e-5, rtol=1e-5)


def test_the_bilstm_is_two_layers_of_the_papers_size_or_the_models() -> None:
    choice = layer_choice("concat-last-four", 12)
    large = FeatureModel(choice, 1024, 2, head="bilstm").lstm
    assert large is not None
    assert (large.input_size, large.hidden_size, large.num_layers, large.bidirectional) == (
        4096,
        768,
        2,
        True,
    )
    small, asked = (
        FeatureModel(choice, 32, 2, head="bilstm"),
        FeatureModel(choice, 32, 2, head="bilstm", lstm_size=7),
    )
    assert small.lstm is not None and small.lstm.hidden_size == 32
    assert asked.lstm is not None and asked.output.in_features == 14


def test_one_direction_by_hand() -> None:
    """torch's own LSTM cell, step by step, gives what the packed layers give."""
    vectors, mask = _batch()
    model = FeatureModel(layer_choice("concat-last-four", 4), 6, 3, head="bilstm", lstm_size=5).eval()
    lstm = model.lstm
    assert lstm is not None
    hidden = vectors.flatten(2)[1, :3]
    for layer in range(2):
        outputs = []
        for suffix, order in (("", [0, 1, 2]), ("_reverse", [2, 1, 0])):
            cell = nn.LSTMCell(hidden.shape[1], 5)
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(cell, part).data.copy_(getattr(lstm, f"{part}_l{layer}{suffix}"))
            state, steps = None, {}
            for place in order:
                state = cell(hidden[place], state)
                steps[place] = state[0]
            outputs.append(torch.stack([steps[place] for place in range(3)]))
        hidden = torch.cat(outputs, dim=1)
    torch.testing.assert_close(model(vectors, mask)[1, :3], model.output(hidden), atol=1e-5, rtol=1e-5)


def test_standardized_by_hand() -> None:
    model = FeatureModel(layer_choice("last", 4), 2, 1, pool="mean")
    model.output.load_state_dict({"weight": torch.tensor([[1.0, 10.0]]), "bias": torch.zeros(1)})
    model.standardize(np.array([[1.0, 2.0]], np.float32), np.array([[4.0, 0.0]], np.float32))
    found = model.eval()(torch.tensor([[[[9.0, 5.0]]]]))
    assert found.tolist() == [[2.0 + 30.0]]  # (9 - 1) / 4, and (5 - 2) / 1: it never changed


def test_weights_follow_the_seed() -> None:
    choice = layer_choice("last", 4)
    one, same, other = (
        FeatureModel(choice, 6, 3, head="bilstm", seed=seed).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["output.weight"], other["output.weight"])
