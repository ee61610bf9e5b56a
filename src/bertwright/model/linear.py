"""Linear layers by the library that multiplies faster on this processor.

PyTorch gives products in float32 to MKL, which takes AVX2 on AMD's processors, half of what AVX-512 could do;
oneDNN, which PyTorch brings along for bf16 and convolutions, takes all of it. In bf16 PyTorch asks oneDNN by
itself, but first fills the result with the bias, which oneDNN can add while the numbers are at hand.

Axes: T rows, however many axes they lie on, I inputs, O outputs.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bertwright.execution.processor import multiplies_bf16, runs_mkl_slowly
from bertwright.model.host_tensors import is_on_host
from bertwright.model.turned_matrix import turned

_FEWEST = 8
"""Rows; with fewer MKL is as fast."""

COPY = "bf16_copy"
"""The attribute of a weight that :func:`copy_of` reads."""


class Linear(nn.Linear):
    """x W^T + b: as :class:`torch.nn.Linear`, often faster."""

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., I) -> (..., O)."""
        return linear(inputs, self.weight, self.bias)


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b, as :func:`torch.nn.functional.linear`; not for gradients of gradients.

    Args:
        inputs: (..., I).
        weight: (O, I).
        bias: (O,).

    Returns:
        (..., O).
    """
    if _is_for_bf16(inputs, weight):
        copy = copy_of(weight)
        inputs, weight = inputs.to(torch.bfloat16), weight.to(torch.bfloat16) if copy is None else copy
        bias = None if bias is None else bias.to(torch.bfloat16)
    elif not _is_for_onednn(inputs, weight):
        return F.linear(inputs, weight, bias)
    if not torch.is_grad_enabled():
        return _product(inputs, weight, bias)
    outputs: Tensor = _OneDnnLinear.apply(inputs, weight, bias)  # type: ignore[no-untyped-call]
    return outputs


def copy_of(weight: Tensor) -> Tensor | None:
    """Its copy in bf16, which products in bf16 take and which then gets the gradient
    (:mod:`~bertwright.model.working_weights`), if it has one."""
    copy: Tensor | None = getattr(weight, COPY, None)
    return copy


def _is_for_bf16(inputs: Tensor, weight: Tensor) -> bool:
    """In training: where no gradient is asked for, autocast keeps the weights that it has cast."""
    return (
        is_on_host(inputs)
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        and torch.is_grad_enabled()
        and inputs.dim() > 1
        and inputs.numel() > 0
        and weight.device.type == "cpu"
        and {inputs.dtype, weight.dtype} <= {torch.float32, torch.bfloat16}
        and has_bf16()
    )


@cache
def has_bf16() -> bool:
    """Whether oneDNN multiplies in bf16 here, by instructions that make it worth while."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return multiplies_bf16() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _is_for_onednn(inputs: Tensor, weight: Tensor) -> bool:
    return (
        is_on_host(inputs)
        and runs_mkl_slowly()
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and weight.device.type == "cpu"
        and inputs.dtype == weight.dtype == torch.float32
        and inputs.numel() >= _FEWEST * weight.shape[1]
        and not torch.is_autocast_enabled("cpu")
    )


def _product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """(..., K) and (N, K) -> left right^T + bias (..., N), in one pass, by oneDNN."""
    result: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    return result


def _product_of_columns(left: Tensor, right: Tensor) -> Tensor:
    """(..., M) and (M, N) -> left right (..., N)."""
    return left @ right if left.dtype == torch.bfloat16 else _product(left, right.t())


def _product_of_rows(left: Tensor, right: Tensor) -> Tensor:
    """(T, M) and (T, N) -> left^T right (M, N).

    oneDNN takes what it is given first in one order only, so that it has to be turned round; of the two ways
    that there are this is the one which turns fewer numbers.
    """
    if left.dtype == torch.bfloat16:
        return left.t() @ right
    rows, outputs, width = len(left), left.shape[1], right.shape[1]
    if rows * outputs <= (rows + outputs) * width:
        return _product(turned(left), right.t())
    return turned(_product(turned(right), left.t()))


class _OneDnnLinear(torch.autograd.Function):
    """Y = X W^T + b; with the gradient G of Y, those of X, W and b are G W, G^T X and the sum of G's rows."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return _product(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        inputs, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        gradient = gradients[0]  # (..., O)
        rows = gradient.flatten(0, -2)  # (T, O)
        d_inputs = _product_of_columns(gradient, weight) if wanted[0] else None
        d_weight = _product_of_rows(rows, inputs.flatten(0, -2)) if wanted[1] else None
        d_bias = rows.sum(0) if wanted[2] else None
        return d_inputs, d_weight, d_bias
