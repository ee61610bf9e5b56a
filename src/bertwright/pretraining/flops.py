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
    h, i, v, layers = (
        config.hidden_size,
        config.intermediate_size,
        config.vocab_size,
        config.num_hidden_layers,
    )
    positions = rows * length
    chosen = masked + rows  # after its attention the last layer goes on with what the heads read only
    attention = layers * positions * (3 * h * h + 2 * length * h)
    after = ((layers - 1) * positions + chosen) * (h * h + 2 * h * i)
    heads = masked * (h * h + h * v) + rows * (h * h + 2 * h)
    return 2.0 * (attention + after + heads)


def training_flops(config: BertConfig, rows: int, length: int, masked: int) -> float:
    """Forward and backward: the backward pass does each product twice (for weights and for inputs)."""
    return 3.0 * forward_flops(config, rows, length, masked)
