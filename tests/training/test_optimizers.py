"""Which parameters decay, and the optimizers against each other and torch's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from bertwright.errors import ResumeError
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.training.adamw import AdamW
from bertwright.training.choices import OptimizerName
from bertwright.training.gradients import Gradients
from bertwright.training.optimizer import Optimizer
from bertwright.training.optimizers import (
    build_optimizer,
    named_state,
    parameter_groups,
    require_moments,
    restore_state,
)
from bertwright.training.ranks import Ranks


def _bert() -> BertForPreTraining:
    return BertForPreTraining(
        BertConfig(
            vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
        )
    )


def test_decay_by_kind_is_the_original_s_decay_by_name() -> None:
    model = _bert()
    decayed = {id(parameter) for parameter in parameter_groups(model, 0.01)[0]["params"]}
    names = dict(model.named_parameters())
    excluded = re.compile(r"layer_norm|bias")  # our names for what the original excludes
    assert {n for n, p in names.items() if id(p) in decayed} == {n for n in names if not excluded.search(n)}
    assert "encoder.embeddings.word_embeddings.weight" in {n for n, p in names.items() if id(p) in decayed}


def test_every_trainable_parameter_is_in_one_group() -> None:
    model = _bert()
    model.next_sentence_head.requires_grad_(False)
    grouped = [p for group in parameter_groups(model, 0.01) for p in group["params"]]
    assert len(grouped) == len(set(grouped)) == sum(p.requires_grad for p in model.parameters())


def _steps(optimizer: Optimizer | torch.optim.Optimizer, model: nn.Module, count: int) -> None:
    for step in range(count):
        torch.manual_seed(step)
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        for group in optimizer.param_groups:
            group["lr"] = 0.01
        optimizer.step()


@pytest.mark.parametrize("name", ["adamw", "bert-adam"])
def test_state_survives(name: str) -> None:
    one, two = _bert(), _bert()
    first = build_optimizer(one, name)  # type: ignore[arg-type]
    _steps(first, one, 3)
    second = build_optimizer(two, name)  # type: ignore[arg-type]
    two.load_state_dict(one.state_dict())
    restore_state(two, second, {key: value.clone() for key, value in named_state(one, first).items()})
    _steps(first, one, 2)
    _steps(second, two, 2)
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[key]), key


def test_adamw_is_torch_s() -> None:
    one, two = _bert(), _bert()
    _steps(build_optimizer(one), one, 3)
    reference = torch.optim.AdamW(parameter_groups(two, 0.01), eps=1e-6, fused=True)
    _steps(reference, two, 3)
    for (name, ours), theirs in zip(one.named_parameters(), two.parameters(), strict=True):
        assert torch.equal(ours, theirs), name


def test_an_update_by_hand() -> None:
    weight = nn.Parameter(torch.tensor([[2.0]]))
    weight.grad = torch.tensor([[0.5]])
    optimizer = AdamW([{"params": [weight], "weight_decay": 0.1}], lr=0.01, eps=0.0)
    optimizer.step()
    # The first step of Adam is the rate itself, whatever the gradient; decay takes 0.01 * 0.1 * 2 more.
    assert weight.item() == pytest.approx(2.0 - 0.01 - 0.002)
    assert optimizer.state[weight]["step"].item() == 1


def test_a_step_that_is_scaled_or_skipped_on_the_device() -> None:
    one, two = (nn.Parameter(torch.ones(3)) for _ in range(2))
    first, second = (AdamW([{"params": [p]}], lr=0.01) for p in (one, two))
    one.grad, two.grad = torch.full((3,), 6.0), torch.full((3,), 2.0)
    first.grad_scale, first.found_inf = torch.tensor(3.0), torch.tensor(0.0)
    first.step()
    second.step()
    assert torch.allclose(one, two)
    assert torch.allclose(first.state[one]["exp_avg"], second.state[two]["exp_avg"])
    before = one.detach().clone()
    first.found_inf = torch.tensor(1.0)
    first.step()
    assert torch.equal(one, before)
    assert first.state[one]["step"].item() == 1


@pytest.mark.parametrize("name", ["adamw", "bert-adam"])
def test_moments_that_do_not_fit_are_named(name: OptimizerName) -> None:
    model = _bert()
    optimizer = build_optimizer(model, name)
    _steps(optimizer, model, 1)
    fitting = named_state(model, optimizer)
    require_moments(model, optimizer, fitting, Path("moments"))
    require_moments(model, optimizer, {}, Path("moments"))  # as before the first update
    bias = "masked_language_head.bias"
    unused = {key: value for key, value in fitting.items() if not key.endswith(f"/{bias}")}
    require_moments(model, optimizer, unused, Path("moments"))  # as of a parameter that had no gradient
    for wrong, named in (
        ({**fitting, "exp_avg/nothing": torch.zeros(1)}, "exp_avg/nothing"),
        ({**fitting, f"exp_avg_max/{bias}": torch.zeros(1)}, f"exp_avg_max/{bias}"),
        ({**fitting, f"exp_avg/{bias}": torch.zeros(3)}, f"exp_avg/{bias}"),
        ({key: value for key, value in fitting.items() if key != f"exp_avg/{bias}"}, f"exp_avg/{bias}"),
    ):
        with pytest.raises(ResumeError, match=f'moments: expected the moments.*differences in {named}"$'):
            require_moments(model, optimizer, wrong, Path("moments"))


def test_the_global_norm_by_hand() -> None:
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(5))]
    parameters[0].grad = torch.tensor([3.0, 0.0])
    parameters[1].grad = torch.tensor([4.0])
    gradients = Gradients(parameters, Ranks())
    assert gradients.norm().item() == pytest.approx(5.0)
    gradients.scale(0.5)
    assert parameters[0].grad.tolist() == [1.5, 0.0]
    gradients.clear()
    assert all(parameter.grad is None for parameter in parameters)


def test_clipping_agrees_with_torch() -> None:
    torch.manual_seed(0)
    shapes = [(7, 3), (4,), (2, 2, 2)]
    ours = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    theirs = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for a, b in zip(ours, theirs, strict=True):
        a.grad = torch.randn_like(a) * 10
        b.grad = a.grad.clone()
    gradients = Gradients(ours, Ranks())
    norm = gradients.norm().item()
    assert norm == pytest.approx(nn.utils.clip_grad_norm_(theirs, 1.0).item(), rel=1e-6)
    gradients.scale(1.0 / norm)
    for a, b in zip(ours, theirs, strict=True):
        assert a.grad is not None and b.grad is not None
        assert torch.allclose(a.grad, b.grad, rtol=1e-5)


def test_rates_by_name() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    groups = parameter_groups(model, 0.01, lambda name: 0.5 if name.startswith("0.") else 1.0)
    found = [(group["rate_factor"], group["weight_decay"], len(group["params"])) for group in groups]
    assert found == [(1.0, 0.01, 1), (1.0, 0.0, 1), (0.5, 0.01, 1), (0.5, 0.0, 1)]
    assert groups[2]["params"][0] is model[0].weight
