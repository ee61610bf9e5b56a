"""Linear layers as exact products of whole numbers.

Axes: T tokens, I inputs, O outputs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bertwright.execution.processor import multiplies_bytes
from bertwright.model.int8.kernels import RANGE
from bertwright.model.int8.rounding import WEIGHT_RANGE, rounded

_EXACT = 2**24 // (RANGE * WEIGHT_RANGE)
"""So many products of two rounded numbers have a sum that float32 holds exactly, whatever its order."""


class Int8Linear(nn.Module):
    """Products of rounded rows and rounded weights, and what makes them the result of the layer.

    Args:
        exact: gives weights and bias.

    Attributes:
        weight: (O, I) int8.
        outputs: (O,) float32, the scale of each output.
        bias: (O,) float32.
    """

    weight: Tensor
    outputs: Tensor
    bias: Tensor

    def __init__(self, exact: nn.Linear) -> None:
        super().__init__()
        numbers, scales = rounded(exact.weight.detach().float().numpy(), WEIGHT_RANGE)
        self.register_buffer("weight", torch.from_numpy(numbers))
        self.register_buffer("outputs", torch.from_numpy(scales))
        self.register_buffer("bias", exact.bias.detach().float().clone())

    def products(self, numbers: NDArray[np.int8], space: Tensor | None = None) -> NDArray[np.int32]:
        """(T, I) from -127 to 127 -> (T, O), in ``space`` where it is given: T O numbers or more of int32."""
        rows = torch.from_numpy(numbers)
        count, outputs = len(rows), len(self.weight)
        if space is None:
            space = torch.empty(count * outputs, dtype=torch.int32)
        found = space[: count * outputs].view(count, outputs)
        # with one input PyTorch 2.13 computes something else
        if count and self.weight.shape[1] > 1 and multiplies_bytes():
            torch._int_mm(rows, self.weight.t(), out=found)
        else:
            exact_products(rows, self.weight, found)
        result: NDArray[np.int32] = found.numpy()
        return result


def exact_products(rows: Tensor, weight: Tensor, found: Tensor) -> None:
    """The same whole numbers (T, O) by way of float32, on processors where that is faster."""
    found.zero_()
    for part, factors in zip(torch.split(rows, _EXACT, 1), torch.split(weight, _EXACT, 1), strict=True):
        found += (part.float() @ factors.float().t()).to(torch.int32)
