"""In which numbers the matrix products are done."""

from __future__ import annotations

import contextlib

import torch
from torch import nn

from bertwright.execution.processor import multiplies_bf16
from bertwright.model.working_weights import working_weights
from bertwright.training.choices import Precision, PrecisionName
from bertwright.training.loop_settings import LoopSettings
from bertwright.training.ranks import Ranks


def resolve(name: PrecisionName, device: torch.device) -> Precision:
    """``auto`` is bf16 where products in it are faster (about twice, a whole step), else fp32."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if multiplies_bf16() else "fp32"


def weights_for_products(
    model: nn.Module, settings: LoopSettings, ranks: Ranks
) -> contextlib.AbstractContextManager[object]:
    """Copies of the weights in bf16, where products take them and nobody else looks at the gradients."""
    if settings.precision == "bf16" and not settings.compile and ranks.size == 1:
        return working_weights(model)
    return contextlib.nullcontext()


def autocast(precision: Precision, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """The context of a forward pass: weights and moments stay fp32, products are in ``precision``."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
