"""BERT's own Adam against the original optimizer, step by step."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from shared import shared_path
from torch import nn

from bertwright.training.bert_adam import BertAdam
from bertwright.training.gradients import Gradients
from bertwright.training.ranks import Ranks
from bertwright.training.schedule import LinearSchedule

CASES = ["warmup", "no_warmup", "warmup_longer_than_training", "adam_weight_decay_no_clipping"]


def _replay(case: str) -> tuple[dict[str, Any], float, float, float]:
    """Run the case; the largest differences of weights, moments (relative above 1) and norms (relative)."""
    settings = json.loads(shared_path("golden/optimizer/cases.json").read_text())[case]
    with np.load(shared_path(f"golden/optimizer/{case}.npz")) as file:
        data = {name: torch.from_numpy(file[name].copy()) for name in file.files}
    parameters = {name: nn.Parameter(data[f"initial/{name}"]) for name in settings["order"]}
    decay = settings["weight_decay_rate"]
    applied = settings["weight_decay_applied"]
    groups = [{"params": [p], "weight_decay": decay if applied[n] else 0.0} for n, p in parameters.items()]
    optimizer = BertAdam(groups, betas=(settings["beta_1"], settings["beta_2"]), eps=settings["epsilon"])
    schedule = None
    if "init_lr" in settings:
        schedule = LinearSchedule(
            settings["init_lr"], settings["num_train_steps"], settings["num_warmup_steps"], "original"
        )
    gradients = Gradients(parameters.values(), Ranks())
    weights = moments = norms = 0.0
    for step in range(settings["steps"]):
        for name, parameter in parameters.items():
            parameter.grad = data[f"gradient/{name}"][step].clone()
        norm = gradients.norm().item()
        expected = data["gradient_global_norm"][step].item()
        norms = max(norms, abs(norm - expected) / max(expected, 1e-12))
        if settings["clip_norm"] and norm > settings["clip_norm"]:
            gradients.scale(settings["clip_norm"] / norm)
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step) if schedule else settings["learning_rate"]
        optimizer.step()
        for name, parameter in parameters.items():
            difference = (parameter.detach() - data[f"after/{name}"][step]).abs().max().item()
            weights = max(weights, difference)
    for name, parameter in parameters.items():
        for ours, theirs in (("exp_avg", "adam_m"), ("exp_avg_sq", "adam_v")):
            expected = data[f"{theirs}/{name}"]
            difference = (optimizer.state[parameter][ours] - expected).abs().max()
            moments = max(moments, (difference / expected.abs().max().clamp(min=1)).item())
    return settings, weights, moments, norms


@pytest.mark.parametrize("case", CASES)
def test_every_step_is_the_original_s(case: str) -> None:
    settings, weights, moments, norms = _replay(case)
    assert settings["steps"] >= 12
    assert weights < 1e-6
    assert moments < 1e-6
    assert norms < 1e-6


def test_one_step_by_hand() -> None:
    parameter = nn.Parameter(torch.tensor([1.0]))
    parameter.grad = torch.tensor([2.0])
    optimizer = BertAdam([{"params": [parameter]}], lr=0.1, betas=(0.9, 0.99), eps=0.5, weight_decay=0.01)
    optimizer.step()
    moment, variance = 0.2, 0.04
    assert parameter.item() == pytest.approx(1 - 0.1 * (moment / (variance**0.5 + 0.5) + 0.01))


def test_parameters_without_gradient_stay() -> None:
    parameter = nn.Parameter(torch.tensor([1.0]))
    BertAdam([{"params": [parameter]}], lr=0.1).step()
    assert parameter.item() == 1.0
