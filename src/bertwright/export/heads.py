"""Output layers as graphs, under the names that other libraries have for their results.

Axes: B rows of a batch, S positions, T = B S tokens, P masked positions, H hidden size, C outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bertwright.export.encoder import Arrays, EncoderGraph
from bertwright.export.graph import BATCH, LENGTH

IDS, MASK, TYPES, MASKED = "input_ids", "attention_mask", "token_type_ids", "masked_positions"
"""Inputs: (B, S) int64, the second of them 1 for tokens and 0 for padding; and (P,) int64, flat positions
row * S + position, where there is a masked-language head."""

HIDDEN, POOLED = "last_hidden_state", "pooler_output"
BLANKS, FOLLOWS = "prediction_logits", "seq_relationship_logits"
LOGITS, STARTS, ENDS = "logits", "start_logits", "end_logits"

PARTS: Mapping[str, tuple[str, ...]] = {
    "encoder": (HIDDEN,),
    "pooler": (POOLED,),
    "masked_language_head": (BLANKS,),
    "next_sentence_head": (FOLLOWS,),
    "head": (LOGITS,),
    "span_head": (STARTS, ENDS),
}
"""Part of a model -> the outputs that it is for."""


def add_outputs(encoder: EncoderGraph, parts: Sequence[str], *, by_token: bool) -> None:
    """Add every output of ``parts`` of the model that ``encoder`` belongs to.

    Args:
        parts: of :data:`PARTS`; their weights are among those of the encoder.
        by_token: whether the classifier ``head`` reads every token, and not the pooled output.
    """
    graph, weights, width = encoder.graph, encoder.weights, encoder.config.hidden_size
    graph.output(HIDDEN, spread(encoder, encoder.last(), width), (BATCH, LENGTH, width))
    pooled = encoder.pooled() if "pooler" in parts else ""
    if pooled:
        graph.output(POOLED, pooled, (BATCH, width))
    if "masked_language_head" in parts:
        graph.output(BLANKS, _blanks(encoder), ("masked", encoder.config.vocab_size))
    if "next_sentence_head" in parts:
        graph.output(FOLLOWS, _layer(encoder, pooled, "next_sentence_head.output"), (BATCH, 2))
    if "span_head" in parts:
        both = _layer(encoder, encoder.last(), "span_head.output")  # (T, 2)
        names = graph.add_several(2, "Split", spread(encoder, both, 2), axis=2, num_outputs=2)
        for name, value in zip((STARTS, ENDS), names, strict=True):
            graph.output(name, graph.add("Squeeze", value, graph.numbers(2)), (BATCH, LENGTH))
    if "head" in parts:
        count = weights["head.output.bias"].shape[0]
        logits = _layer(encoder, encoder.last() if by_token else pooled, "head.output")
        if by_token:
            graph.output(LOGITS, spread(encoder, logits, count), (BATCH, LENGTH, count))
        else:
            graph.output(LOGITS, logits, (BATCH, count))


def spread(encoder: EncoderGraph, rows: str, width: int) -> str:
    """(T, width) -> (B, S, width)."""
    return encoder.graph.add("Reshape", rows, encoder.operations.reshaped(width))


def _blanks(encoder: EncoderGraph) -> str:
    """(P, V): LayerNorm(act(W h + b)) E^T + output bias, at the masked positions."""
    operations, weights, prefix = encoder.operations, encoder.weights, "masked_language_head."
    hidden = _layer(encoder, encoder.last_at(MASKED), f"{prefix}transform")
    name = f"{prefix}layer_norm"
    normed = operations.norm(
        operations.activation(hidden), name, weights[f"{name}.weight"], weights[f"{name}.bias"]
    )
    untied = f"{prefix}decoder"
    table = untied if untied in weights else "encoder.embeddings.word_embeddings.weight"
    bias = encoder.graph.constant(f"{prefix}bias", weights[f"{prefix}bias"])
    return operations.vocabulary(normed, table, weights[table], bias)


def _layer(encoder: EncoderGraph, rows: str, name: str) -> str:
    weights: Arrays = encoder.weights
    return encoder.operations.exact_linear(rows, name, weights[f"{name}.weight"], weights[f"{name}.bias"])
