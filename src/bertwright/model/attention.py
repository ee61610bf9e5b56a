"""Multi-head self-attention (Vaswani et al. 2017, section 3.2; BERT's ``attention_layer``).

    softmax(Q K^T / sqrt(D) + bias) V,   then a projection back to H

The bias hides padding; left-to-right (``is_decoder``) it also hides every position from those before it.

Axes: B rows of a batch, S positions (of queries and of keys), H hidden size, N heads, D = H / N.
Our S is their F ("from") and T ("to"), our D their ``size_per_head``; their three projections are our one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bertwright.model.config import BertConfig
from bertwright.model.host_attention import host_attention
from bertwright.model.host_tensors import is_on_host
from bertwright.model.linear import Linear
from bertwright.model.packing import BiasedRows, Layout
from bertwright.model.row_attention import row_attention, takes_rows
from bertwright.model.token_rows import TokenRows

MASKED_SCORE = -10000.0
"""Added to the score of a masked key, as the original does. exp(-10000) is 0 in every format, so the key has
no influence; a row whose keys are *all* masked attends as if none were, and so stays finite."""


def attention_bias(attention_mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to attention scores.

    Args:
        attention_mask: (B, S) bool or integer; true (1) where the key may be seen.
        dtype: of the result.

    Returns:
        (B, 1, 1, S): 0 or :data:`MASKED_SCORE`.
    """
    hidden_keys = attention_mask.to(torch.bool).logical_not()  # (B, S)
    return (hidden_keys.to(dtype) * MASKED_SCORE)[:, None, None, :]


def causal_bias(length: int, like: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """What is added to attention scores where no position may see a later one.

    Later keys get minus infinity, so that nothing at all comes from them, whatever is masked besides.

    Args:
        length: S.
        like: gives dtype and device.
        attention_mask: (B, S) as in :func:`attention_bias`; None when there is no padding.

    Returns:
        (1, 1, S, S), or (B, 1, S, S) with a mask.
    """
    later = torch.full((length, length), -torch.inf, dtype=like.dtype, device=like.device).triu(1)  # (S, S)
    if attention_mask is None:
        return later[None, None]
    return later + attention_bias(attention_mask, like.dtype)


class SelfAttention(nn.Module):
    """All heads of one layer, with one fused product for queries, keys and values.

    Rows of ``query_key_value`` are the H query rows, then H key rows, then H value rows; inside each, heads
    follow one another, D rows a head.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.causal = config.is_decoder
        self.dropout_probability = config.attention_probs_dropout_prob
        self.query_key_value = Linear(config.hidden_size, 3 * config.hidden_size)
        self.output = Linear(config.hidden_size, config.hidden_size)

    def forward(
        self,
        hidden: Tensor,
        bias: Tensor | None,
        positions: Tensor | None = None,
        packing: Layout | None = None,
    ) -> Tensor:
        """Mix the positions of each row.

        Args:
            hidden: (B, S, H), or as ``packing`` has it.
            bias: (B, 1, 1, S) from :func:`attention_bias`, or None when every key is seen; left-to-right
                (B, 1, S, S) from :func:`causal_bias`, or None when nothing but later keys is hidden.
            positions: (K,) int64, indices into the flattened ``hidden``: project only what these attended to.
            packing: how ``hidden`` goes through attention.

        Returns:
            As ``hidden``, or (K, H) with ``positions``; before dropout and residual.
        """
        fused = self.query_key_value(hidden)  # (B, S, 3H), or (T, 3H) of a packed batch
        context = self._mixed(fused, bias, packing)  # (B, S, H), or (T, H)
        if positions is not None:
            context = context.flatten(0, -2).index_select(0, positions)  # (K, H)
        mixed: Tensor = self.output(context)
        return mixed

    def _mixed(self, fused: Tensor, bias: Tensor | None, packing: Layout | None) -> Tensor:
        """The mean of the values, as each query wants it: (B, S, 3H) -> (B, S, H), or (T, 3H) -> (T, H)."""
        found = _token_rows(fused, bias, packing) if takes_rows(fused) else None
        if found is not None:
            tokens, probability = fused.flatten(0, -2), self._probability
            context = row_attention(tokens, *found, self.num_heads, probability, self.causal)
            return context.view(*fused.shape[:-1], -1)
        if packing is not None:
            return packing.attended(fused, bias, self._attended)
        return self._attended(fused, bias)

    @property
    def _probability(self) -> float:
        return self.dropout_probability if self.training else 0.0

    def _attended(self, fused: Tensor, bias: Tensor | None) -> Tensor:
        """As :meth:`_mixed`, of whole rows: (B, S, 3H) -> (B, S, H)."""
        if bias is not None:
            bias = bias.to(fused.dtype)
        probability = self._probability
        if probability and is_on_host(fused):
            if self.causal and bias is None:
                bias = causal_bias(fused.shape[1], fused)
            return host_attention(fused, bias, self.num_heads, probability)
        return self._fused_attention(fused, bias, probability)

    def probabilities(self, hidden: Tensor, bias: Tensor | None) -> Tensor:
        """What each head attends to: softmax(Q K^T / sqrt(D) + bias), which the kernels keep to themselves.

        Args:
            hidden, bias: as in :meth:`forward`.

        Returns:
            (B, N, S, S): rows are the positions that attend and sum to 1, columns what they attend to.
            Nothing is dropped, in training either.
        """
        query, key, _ = self._heads(self.query_key_value(hidden))  # (B, N, S, D)
        if self.causal and bias is None:
            bias = causal_bias(hidden.shape[1], query)
        scores = query @ key.transpose(-1, -2) * key.shape[-1] ** -0.5  # (B, N, S, S)
        return torch.softmax(scores if bias is None else scores + bias.to(scores.dtype), -1)

    def _heads(self, fused: Tensor) -> tuple[Tensor, ...]:
        """(B, S, 3H) -> queries, keys and values, three times (B, N, S, D)."""
        rows, length, width = fused.shape[0], fused.shape[1], fused.shape[2] // 3
        split = fused.view(rows, length, 3, self.num_heads, width // self.num_heads)  # (B, S, 3, N, D)
        return split.permute(2, 0, 3, 1, 4).unbind(0)

    def _fused_attention(self, fused: Tensor, bias: Tensor | None, probability: float) -> Tensor:
        """PyTorch's own kernels: (B, S, 3H) -> (B, S, H)."""
        query, key, value = self._heads(fused)
        context = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=bias,
            dropout_p=probability,
            is_causal=self.causal and bias is None,
        )  # (B, N, S, D)
        return context.transpose(1, 2).flatten(2)  # (B, S, H)


def _token_rows(fused: Tensor, bias: Tensor | None, packing: Layout | None) -> BiasedRows | None:
    """Where the rows lie among the tokens; None where each query has a bias of its own, or sees more."""
    if bias is not None and bias.shape[2] > 1:
        return None
    if packing is not None:
        return packing.token_rows(bias)
    rows, length = fused.shape[:2]
    return TokenRows.of([length] * rows), None if bias is None else bias.expand(rows, -1, -1, -1).flatten()
