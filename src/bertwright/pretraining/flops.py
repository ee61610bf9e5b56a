"""How many floating-point operations a step needs, from the structure of the network."""

from __future__ import annotations

from bertwright.model.config import BertConfig


def forward_flops(config: BertConfig, rows: int, length: int, masked: int) -> float:
    """Operations of the matrix products of one forward pass with both heads; a multiply-add counts as two.

    Args:
        rows: B, instances.
        length: S, positions of an instance, padding included.
        masked: P, masked positions in all.
    """
    h, i, v = config.hidden_size, config.intermediate_size, config.vocab_size
    positions = rows * length
    projections = positions * (4 * h * h + 2 * h * i)
    attention = positions * 2 * length * h
    heads = masked * (h * h + h * v) + rows * (h * h + 2 * h)
    return 2.0 * (config.num_hidden_layers * (projections + attention) + heads)


def training_flops(config: BertConfig, rows: int, length: int, masked: int) -> float:
    """Forward and backward: the backward pass does each product twice (for weights and for inputs)."""
    return 3.0 * forward_flops(config, rows, length, masked)
