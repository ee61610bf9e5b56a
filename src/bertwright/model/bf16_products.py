"""The matrix products of the blocks in bf16, for networks that answer and are not trained.

Weights are cast once. What comes into a product is cast, and so is nothing else: the sums along the residual
path, normalizations, pooler and heads stay float32; attention takes its softmax in float32 from products in
bf16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bertwright.model.layer import BertLayer


class Bf16Linear(nn.Module):
    """x W^T + b in bf16, sums inside in float32: (..., I) of any dtype -> (..., O) bf16.

    Args:
        exact: gives weights and bias, which are rounded.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, exact: nn.Linear) -> None:
        super().__init__()
        self.register_buffer("weight", exact.weight.detach().to(torch.bfloat16))  # (O, I)
        self.register_buffer("bias", exact.bias.detach().to(torch.bfloat16))  # (O,)

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., I) -> (..., O)."""
        return F.linear(inputs.to(torch.bfloat16), self.weight, self.bias)


def multiply_in_bf16(network: nn.Module) -> None:
    """Put bf16 products into every block of ``network``, which from then on cannot be trained."""
    for layer in network.modules():
        if isinstance(layer, BertLayer):
            layer.attention.query_key_value = Bf16Linear(layer.attention.query_key_value)  # type: ignore[assignment]
            layer.attention.output = Bf16Linear(layer.attention.output)  # type: ignore[assignment]
            layer.intermediate = Bf16Linear(layer.intermediate)  # type: ignore[assignment]
            layer.output = Bf16Linear(layer.output)  # type: ignore[assignment]
