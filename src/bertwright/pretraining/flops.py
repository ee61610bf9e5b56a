"""How many floating-point operations a step needs, from the structure of the network."""

from __future__ import annotations

from bertwright.model.bilm_config import BilmConfig
from bertwright.model.config import BertConfig


def forward_flops(config: BertConfig, rows: int, length: int, masked: int, tokens: int) -> float:
    """Operations of the matrix products of one forward pass with both heads; a multiply-add counts as two.

    Args:
        rows: B, instances.
        length: S, positions of an instance, padding included.
        masked: P, masked positions in all.
        tokens: positions that are no padding; only these go through the dense layers.
    """
    if isinstance(config, BilmConfig):
        return _bilm_flops(config, rows, length, masked)
    h, i, v, layers = (
        config.hidden_size,
        config.intermediate_size,
        config.vocab_size,
        config.num_hidden_layers,
    )
    chosen = masked + rows  # after its attention the last layer goes on with what the heads read only
    attention = layers * (tokens * 3 * h * h + rows * length * 2 * length * h)
    after = ((layers - 1) * tokens + chosen) * (h * h + 2 * h * i)
    heads = masked * (h * h + h * v) + rows * (h * h + 2 * h)
    return 2.0 * (attention + after + heads)


def training_flops(config: BertConfig, rows: int, length: int, masked: int, tokens: int) -> float:
    """Forward and backward: the backward pass does each product twice (for weights and for inputs)."""
    return 3.0 * forward_flops(config, rows, length, masked, tokens)


def _bilm_flops(config: BilmConfig, rows: int, length: int, masked: int) -> float:
    """Of both directions, which compute padding too; tokens are predicted from both sides."""
    p, c = config.direction_size, config.num_cells
    layers = 2 * config.num_hidden_layers * rows * length * (2 * 4 * c * p + c * p)
    return 2.0 * (layers + 2 * masked * p * config.vocab_size)
