"""Which optimizer, and which parameters decay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bertwright.errors import ResumeError
from bertwright.training.adamw import AdamW
from bertwright.training.bert_adam import BertAdam
from bertwright.training.choices import OptimizerName
from bertwright.training.optimizer import Optimizer
from bertwright.training.sharding import as_held

_SHOWN = 5  # tensors, of those that do not fit

RateFactor = Callable[[str], float]
"""Name of a parameter -> what the learning rate is multiplied with for it."""


def parameter_groups(
    model: nn.Module, weight_decay: float, rate_factor: RateFactor | None = None
) -> list[dict[str, Any]]:
    """The trainable parameters in groups: matrices decay; biases and LayerNorm scales (vectors) do not.

    For every parameter of BERT this is what the original's pattern ``LayerNorm|layer_norm|bias`` selects,
    without depending on names: word embeddings and pooler decay too. Each group has a ``rate_factor``.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            factor = 1.0 if rate_factor is None else rate_factor(name)
            groups.setdefault((factor, parameter.ndim >= 2), []).append(parameter)
    return [
        {"params": members, "weight_decay": weight_decay if decays else 0.0, "rate_factor": factor}
        for (factor, decays), members in sorted(
            groups.items(), key=lambda item: (-item[0][0], not item[0][1])
        )
    ]


def build_optimizer(
    model: nn.Module,
    name: OptimizerName = "adamw",
    *,
    weight_decay: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-6,
    rate_factor: RateFactor | None = None,
) -> Optimizer:
    """AdamW (one fused kernel) or BERT's own Adam over ``model``'s trainable parameters.

    The learning rate is set by the loop before every step: the schedule's times the group's ``rate_factor``.
    """
    kind: type[Optimizer] = BertAdam if name == "bert-adam" else AdamW
    return kind(parameter_groups(model, weight_decay, rate_factor), lr=0.0, betas=betas, eps=eps)


def named_state(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimizer's tensors as ``moment/parameter name``, e.g. ``exp_avg/encoder.pooler.weight``.

    Those of a sharded model are as they are held: this rank's part of each.
    """
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    return {
        f"{key}/{names[parameter]}": value
        for parameter, entries in optimizer.state.items()
        for key, value in entries.items()
    }


def require_moments(
    model: nn.Module, optimizer: Optimizer, tensors: Mapping[str, Tensor], source: Path
) -> None:
    """See that ``tensors`` are what :func:`named_state` gives of this model and optimizer.

    A parameter that has had no gradient has none; each of the others has them all.

    Raises:
        ResumeError: they are not; up to five are named.
    """
    trained = {p for group in optimizer.param_groups for p in group["params"]}
    shapes = {name: p.shape for name, p in model.named_parameters() if p in trained}
    begun = sorted({name.partition("/")[2] for name in tensors} & set(shapes))
    expected = {
        f"{key}/{owner}": torch.Size() if key == "step" else shapes[owner]
        for owner in begun
        for key in optimizer.remembers
    }
    wrong = sorted(set(expected) ^ set(tensors))
    wrong += [name for name in expected if name in tensors and tensors[name].shape != expected[name]]
    if wrong:
        raise ResumeError.at(
            source, "the moments of this model", f"differences in {', '.join(wrong[:_SHOWN])}"
        )


def restore_state(model: nn.Module, optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what :func:`named_state` returned, and :func:`require_moments` has seen."""
    parameters = dict(model.named_parameters())
    optimizer.state.clear()
    for name, value in tensors.items():
        key, _, owner = name.partition("/")
        parameter = parameters[owner]
        if key != "step":
            optimizer.state[parameter][key] = as_held(value, parameter)
        else:
            optimizer.state[parameter][key] = value.to(parameter.device)
