"""Which optimizer, and which parameters decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bertwright.training.bert_adam import BertAdam
from bertwright.training.choices import OptimizerName


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters in two groups: matrices decay; biases and LayerNorm scales (vectors) do not.

    For every parameter of BERT this is what the original's pattern ``LayerNorm|layer_norm|bias`` selects,
    without depending on names: word embeddings and pooler decay too.
    """
    trainable = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]


def build_optimizer(
    model: nn.Module,
    name: OptimizerName = "adamw",
    *,
    weight_decay: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-6,
) -> torch.optim.Optimizer:
    """AdamW (one fused kernel) or BERT's own Adam over ``model``'s trainable parameters.

    The learning rate is set by the loop before every step.
    """
    groups = [group for group in parameter_groups(model, weight_decay) if group["params"]]
    if name == "bert-adam":
        return BertAdam(groups, lr=0.0, betas=betas, eps=eps, weight_decay=weight_decay)
    return torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)


def named_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's tensors as ``moment/parameter name``, e.g. ``exp_avg/encoder.pooler.weight``."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    return {
        f"{key}/{names[parameter]}": value
        for parameter, entries in optimizer.state.items()
        for key, value in entries.items()
    }


def restore_state(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what :func:`named_state` returned.

    Raises:
        KeyError: a tensor belongs to no trainable parameter.
        ValueError: a moment's shape is not its parameter's.
    """
    parameters = dict(model.named_parameters())
    trained = {p for group in optimizer.param_groups for p in group["params"]}
    optimizer.state.clear()
    for name, value in tensors.items():
        key, _, owner = name.partition("/")
        parameter = parameters[owner]
        if parameter not in trained:
            raise KeyError(owner)
        if key != "step" and value.shape != parameter.shape:
            raise ValueError(f"{name} has shape {list(value.shape)}, its parameter {list(parameter.shape)}")
        on_device = key != "step" or optimizer.defaults.get("fused")
        optimizer.state[parameter][key] = value.to(parameter.device) if on_device else value
