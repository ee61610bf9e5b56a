"""A block with rounded factors, in the place of a :class:`~bertwright.model.layer.BertLayer`.

Axes: B rows of a batch, S positions, T tokens, K chosen positions, H hidden size, I width inside.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bertwright.model.activations import activation
from bertwright.model.attention import SelfAttention
from bertwright.model.int8.kernels import add_and_normalize, attend, gelu, restore, round_rows
from bertwright.model.int8.products import Int8Linear
from bertwright.model.layer import BertLayer
from bertwright.model.packing import Layout, Rectangles

Rounded = tuple[NDArray[np.int8], NDArray[np.float32]]
"""Whole numbers (T, O), and the scale (T,) of each token."""


def multiply_in_int8(network: nn.Module) -> None:
    """Put rounded blocks into ``network``, which is on the processor and from then on cannot be trained."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, BertLayer):
                setattr(parent, name, Int8Layer(layer))


class Int8Layer(nn.Module):
    """Between blocks everything is float32, as the residual path inside is.

    Args:
        exact: gives the weights.
    """

    def __init__(self, exact: BertLayer) -> None:
        super().__init__()
        self.query_key_value = Int8Linear(exact.attention.query_key_value)
        self.attention_output = Int8Linear(exact.attention.output)
        self.intermediate = Int8Linear(exact.intermediate)
        self.output = Int8Linear(exact.output)
        self.attention_layer_norm = exact.attention_layer_norm
        self.output_layer_norm = exact.output_layer_norm
        self.activation = exact.activation
        self.is_gelu = exact.activation is activation("gelu")
        # For keys that are not all seen. Outside the tree of modules, since its weights are not to be kept.
        self._attention = (_without_weights(exact.attention),)
        hidden, self.heads = len(self.attention_output.bias), exact.attention.num_heads
        factor = np.ones(3 * hidden, np.float32)
        factor[:hidden] = math.log2(math.e) / math.sqrt(hidden / self.heads)
        self._scaled = [
            part.numpy() * factor for part in (self.query_key_value.outputs, self.query_key_value.bias)
        ]

    def forward(
        self,
        hidden: Tensor,
        bias: Tensor | None,
        positions: Tensor | None = None,
        packing: Layout | None = None,
    ) -> Tensor:
        """As :meth:`BertLayer.forward`."""
        shape = hidden.shape
        rows = hidden.detach().reshape(-1, shape[-1]).float().contiguous()  # (T, H)
        widest = max(len(self.query_key_value.bias), len(self.intermediate.bias))
        space = torch.empty(len(rows) * widest, dtype=torch.int32)  # for all four products
        numbers, scales = self._context(rows, shape, bias, packing, space)
        if positions is not None:
            rows = rows.index_select(0, positions)  # (K, H)
            chosen = positions.numpy()
            numbers, scales = numbers[chosen], scales[chosen]
        between = self._normalized(
            self.attention_output, numbers, scales, rows, self.attention_layer_norm, space
        )
        numbers, scales = self._activated(between, space)
        after = self._normalized(self.output, numbers, scales, between, self.output_layer_norm, space)
        return after if positions is not None else after.view(shape)

    def _context(
        self, rows: Tensor, shape: torch.Size, bias: Tensor | None, packing: Layout | None, space: Tensor
    ) -> Rounded:
        """What attention gives for (T, H), before the projection back."""
        numbers, tokens = _rounded(rows.numpy())
        products = self.query_key_value.products(numbers, space)
        whole = packing is None and bias is None and len(shape) == 3
        if (whole or isinstance(packing, Rectangles)) and not self._attention[0].causal:
            shapes = packing.shapes if isinstance(packing, Rectangles) else ((shape[0], shape[1]),)
            found, scales, first = np.empty(rows.shape, np.int8), np.empty(len(rows), np.float32), 0
            for count, length in shapes:
                if count and length:
                    attend(products, tokens, *self._scaled, count, length, first, self.heads, found, scales)
                first += count * length
            return found, scales
        fused = torch.from_numpy(_restored(self.query_key_value, products, tokens))
        attention = self._attention[0]._attended
        if packing is None:
            context = attention(fused.view(*shape[:-1], -1), bias)
        else:
            context = packing.attended(fused, bias, attention)
        return _rounded(context.reshape(rows.shape).contiguous().numpy())

    def _activated(self, rows: Tensor, space: Tensor) -> Rounded:
        """The wide part of the feed-forward sub-layer: (T, H) -> (T, I)."""
        numbers, tokens = _rounded(rows.numpy())
        layer = self.intermediate
        products = layer.products(numbers, space)
        if self.is_gelu:
            found, scales = np.empty(products.shape, np.int8), np.empty(len(rows), np.float32)
            gelu(products, tokens, layer.outputs.numpy(), layer.bias.numpy(), found, scales)
            return found, scales
        inner = self.activation(torch.from_numpy(_restored(layer, products, tokens)))
        return _rounded(inner.numpy())

    @staticmethod
    def _normalized(
        layer: Int8Linear,
        numbers: NDArray[np.int8],
        tokens: NDArray[np.float32],
        residual: Tensor,
        norm: nn.LayerNorm,
        space: Tensor,
    ) -> Tensor:
        """LayerNorm(residual + layer): (T, H)."""
        result = torch.empty_like(residual)
        add_and_normalize(
            layer.products(numbers, space),
            tokens,
            layer.outputs.numpy(),
            layer.bias.numpy(),
            residual.numpy(),
            norm.weight.detach().numpy(),
            norm.bias.detach().numpy(),
            np.float32(norm.eps),
            result.numpy(),
        )
        return result


def _rounded(rows: NDArray[np.float32]) -> Rounded:
    numbers, scales = np.empty(rows.shape, np.int8), np.empty(len(rows), np.float32)
    round_rows(rows, numbers, scales)
    return numbers, scales


def _restored(
    layer: Int8Linear, products: NDArray[np.int32], tokens: NDArray[np.float32]
) -> NDArray[np.float32]:
    result = np.empty(products.shape, np.float32)
    restore(products, tokens, layer.outputs.numpy(), layer.bias.numpy(), result)
    return result


def _without_weights(attention: SelfAttention) -> SelfAttention:
    """What attends, without the layers before and after it."""
    nothing: Any = nn.Identity()
    attention.query_key_value = attention.output = nothing
    return attention
