"""One Transformer block, normalized after each sub-layer ("post-LN", as the paper).

Axes: B rows of a batch, S positions, T tokens of a packed batch, K chosen positions of the whole batch,
H hidden size, I width inside the feed-forward sub-layer.
"""

from __future__ import annotations

from torch import Tensor, nn

from bertwright.model.activations import activation
from bertwright.model.attention import SelfAttention
from bertwright.model.config import BertConfig
from bertwright.model.linear import Linear
from bertwright.model.packing import Layout
from bertwright.model.residual_norm import ResidualNorm


class BertLayer(nn.Module):
    """y = LayerNorm(x + dropout(attention(x))); LayerNorm(y + dropout(W2 act(W1 y))).

    Our ``intermediate`` and ``output`` are W1 and W2.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.attention_layer_norm = _residual_norm(config)
        self.intermediate = Linear(config.hidden_size, config.intermediate_size)
        self.activation = activation(config.hidden_act)
        self.output = Linear(config.intermediate_size, config.hidden_size)
        self.output_layer_norm = _residual_norm(config)

    def forward(
        self,
        hidden: Tensor,
        bias: Tensor | None,
        positions: Tensor | None = None,
        packing: Layout | None = None,
    ) -> Tensor:
        """One block.

        Args:
            hidden: (B, S, H), or (T, H) with ``packing``.
            bias: added to attention scores, see :meth:`SelfAttention.forward`.
            positions: (K,) int64, indices into the flattened ``hidden``: after attention, only these go on.
            packing: how ``hidden`` was packed.

        Returns:
            As ``hidden``, or (K, H) with ``positions``.
        """
        mixed = self.attention(hidden, bias, positions, packing)
        if positions is not None:
            hidden = hidden.flatten(0, -2).index_select(0, positions)  # (K, H)
        hidden, rounded = self.attention_layer_norm.in_both(hidden, mixed)
        inner = self.activation(self.intermediate(rounded))  # (.., I)
        normed: Tensor = self.output_layer_norm(hidden, self.output(inner))
        return normed


def _residual_norm(config: BertConfig) -> ResidualNorm:
    """What ends each of the sub-layers."""
    return ResidualNorm(config.hidden_size, config.layer_norm_eps, config.hidden_dropout_prob)
