"""Initial weights: the distribution of the docstring's table, and one stream a tensor."""

from __future__ import annotations

import pytest
import torch

from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.model.pretraining_model import BertForPreTraining

CONFIG = BertConfig(
    vocab_size=3000, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=72
)
CUT_DEVIATION = 0.87962566  # of the standard normal distribution cut at two deviations


def test_every_tensor_follows_the_table() -> None:
    model = BertForPreTraining(CONFIG, seed=11)
    kinds = {"matrix": 0, "scale": 0, "bias": 0}
    for name, parameter in model.named_parameters():
        values = parameter.detach()
        if values.dim() == 2:
            kinds["matrix"] += 1
            assert float(values.abs().max()) <= 2 * CONFIG.initializer_range
            error = 4 / (2 * values.numel()) ** 0.5
            assert float(values.std()) == pytest.approx(CUT_DEVIATION * 0.02, rel=error), name
            assert abs(float(values.mean())) < 4 * 0.02 / values.numel() ** 0.5, name
        elif name.endswith("layer_norm.weight"):
            kinds["scale"] += 1
            assert bool((values == 1).all())
        else:
            kinds["bias"] += 1
            assert bool((values == 0).all())
    assert kinds == {"matrix": 3 + 2 * 4 + 1 + 1 + 1, "scale": 1 + 2 * 2 + 1, "bias": 1 + 2 * 6 + 1 + 3 + 1}


def test_the_seed_alone_decides() -> None:
    torch.manual_seed(1)
    first = BertForPreTraining(CONFIG, seed=3).state_dict()
    before = torch.get_rng_state()
    second = BertForPreTraining(CONFIG, seed=3).state_dict()
    assert torch.equal(before, torch.get_rng_state()), "PyTorch's own generator is left alone"
    other = BertForPreTraining(CONFIG, seed=4).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    words = "encoder.embeddings.word_embeddings.weight"
    assert not torch.equal(first[words], other[words])


def test_a_head_does_not_change_the_encoder() -> None:
    alone = BertEncoder(CONFIG, seed=3).state_dict()
    beneath = BertForPreTraining(CONFIG, seed=3).encoder.state_dict()
    assert all(torch.equal(alone[name], beneath[name]) for name in alone)


def test_no_two_tensors_share_numbers() -> None:
    matrices = [p.detach().flatten()[:40] for p in BertForPreTraining(CONFIG).parameters() if p.dim() == 2]
    assert len({tuple(m.tolist()) for m in matrices}) == len(matrices)


def test_without_a_seed_nothing_is_allocated() -> None:
    assert all(p.is_meta for p in BertForPreTraining(CONFIG, seed=None).parameters())
