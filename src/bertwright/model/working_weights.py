"""Copies in bf16 of the weights that products use, for training in bf16 on a CPU.

A product in bf16 otherwise rounds its weights anew at each use, and its gradient is widened to be kept: for a
large network two passes over memory more than the update has. Here the update writes both weights in its one
pass (:mod:`bertwright.training.adamw_kernel`), and reads the gradient as the product left it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Self

import torch
from torch import Tensor, nn

from bertwright.model.heads import MaskedLanguageHead
from bertwright.model.linear import COPY, Linear, copy_of, has_bf16
from bertwright.model.pretraining_model import BertForPreTraining


class WorkingWeights:
    """In the block, products in bf16 take the copies, which get the gradients.

    Whoever updates a weight there asks :func:`gradient_of` it, and writes its copy. What is to be trained is
    settled at its beginning.

    Args:
        weights: float32; those that are not trained are left as they are.
    """

    def __init__(self, weights: Iterable[Tensor]) -> None:
        self._weights = [weight for weight in dict.fromkeys(weights) if weight.requires_grad]

    def __enter__(self) -> Self:
        copies = [weight.detach().to(torch.bfloat16).requires_grad_() for weight in self._weights]
        for weight, copy in zip(self._weights, copies, strict=True):
            setattr(weight, COPY, copy)
        return self

    def __exit__(self, *_: object) -> None:
        for weight in self._weights:
            vars(weight).pop(COPY, None)


def working_weights(model: nn.Module) -> AbstractContextManager[object]:
    """:class:`WorkingWeights` of ``model``, where it is on a CPU that multiplies in bf16; else nothing."""
    weights = list(weights_of_products(model))
    if has_bf16() and all(
        weight.device.type == "cpu" and weight.dtype == torch.float32 for weight in weights
    ):
        return WorkingWeights(weights)
    return nullcontext()


def weights_of_products(model: nn.Module) -> Iterator[Tensor]:
    """The matrices of all linear layers, and of the output layer over the vocabulary."""
    for module in model.modules():
        if isinstance(module, Linear):
            yield module.weight
        elif isinstance(module, MaskedLanguageHead) and module.decoder is not None:
            yield module.decoder
        elif isinstance(module, BertForPreTraining) and module.config.tie_word_embeddings:
            yield module.encoder.embeddings.word_embeddings.weight


def gradient_of(parameter: Tensor) -> Tensor | None:
    """In float32, or in bf16 where only the copy has one; None where there is none."""
    copy = copy_of(parameter)
    return copy.grad if parameter.grad is None and copy is not None else parameter.grad


def gather(parameter: Tensor) -> None:
    """Add the gradient of the copy to that of the parameter, in float32."""
    copy = copy_of(parameter)
    if copy is None or copy.grad is None:
        return
    if parameter.grad is None:
        parameter.grad = copy.grad.float()
    else:
        parameter.grad.add_(copy.grad)
    copy.grad = None
