"""The small model on frozen vectors (paper, section 5.3) as a graph.

Axes: B rows of a batch, S positions, T = B S tokens, H hidden size, D numbers of a token after joining the
layers, M numbers in a direction of the BiLSTM, C outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.errors import ModelError
from bertwright.export.encoder import Arrays, EncoderGraph
from bertwright.export.graph import BATCH, LENGTH
from bertwright.export.heads import LOGITS, spread

_GATES = (0, 3, 1, 2)
"""Input, output, forget, cell: the order of ONNX, in that of PyTorch (input, forget, cell, output)."""


def add_small_model(encoder: EncoderGraph, small: Arrays, description: Mapping[str, Any]) -> None:
    """Add the output ``logits``: (B, C), or (B, S, C) without a pooling.

    Args:
        small: the parameters of the small model, and the ``mean`` and ``scale`` of what it reads.
        description: as stored under ``features`` in the task.

    Raises:
        ModelError: it describes a model that is not known here.
    """
    graph, pooling = encoder.graph, description["pooling"]
    if pooling not in (None, "mean", "cls", "max"):
        raise ModelError(f"ONNX: a small model with the pooling {pooling!r} cannot be exported")
    hidden, width = _joined(encoder, small, description)  # (T, D)
    if description["head"] == "bilstm":
        hidden, width = _bilstm(encoder, hidden, width, small)
    count = small["output.bias"].shape[0]
    if pooling is not None:
        hidden = _pooled(encoder, spread(encoder, hidden, width), pooling)  # (B, D)
    logits = encoder.operations.exact_linear(hidden, "small.output", *_pair(small, "output"))
    if pooling is None:
        graph.output(LOGITS, spread(encoder, logits, count), (BATCH, LENGTH, count))
    else:
        graph.output(LOGITS, logits, (BATCH, count))


def _pair(small: Arrays, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return small[f"{name}.weight"], small[f"{name}.bias"]


def _joined(encoder: EncoderGraph, small: Arrays, description: Mapping[str, Any]) -> tuple[str, int]:
    """The chosen layers, standardized and joined: (T, D), and D."""
    graph, width = encoder.graph, encoder.config.hidden_size
    vectors = []
    for place, layer in enumerate(description["layers"]):
        mean = graph.constant(f"small.mean.{place}", small["mean"][place])
        scale = graph.constant(f"small.scale.{place}", small["scale"][place])
        vectors.append(graph.add("Div", graph.add("Sub", encoder.hidden(layer), mean), scale))
    if description["joining"] != "weighted":
        return (vectors[0] if len(vectors) == 1 else graph.add("Concat", *vectors, axis=1)), width * len(
            vectors
        )
    raised = np.exp(small["mix.weights"].astype(np.float64) - small["mix.weights"].max())
    shares = float(small["mix.gamma"]) * raised / raised.sum()
    parts = [
        graph.add("Mul", v, graph.scalar(float(share))) for v, share in zip(vectors, shares, strict=True)
    ]
    return graph.add("Sum", *parts), width


def _bilstm(encoder: EncoderGraph, hidden: str, width: int, small: Arrays) -> tuple[str, int]:
    """Two bidirectional layers: (T, D) -> (T, 2 M), and 2 M; the way back begins at a row's last token."""
    graph, size = encoder.graph, small["lstm.weight_hh_l0"].shape[1]
    lengths = graph.add(
        "ReduceSum", graph.cast(encoder.operations.visible, "INT32"), graph.numbers(1), keepdims=0
    )
    steps = graph.add("Transpose", spread(encoder, hidden, width), perm=[1, 0, 2])  # (S, B, D)
    for layer in (0, 1):
        names = (f"small.lstm.{layer}.{role}" for role in ("input", "state", "bias"))
        constants = [
            graph.constant(name, array) for name, array in zip(names, _gates(small, layer), strict=True)
        ]
        found, _, _ = graph.add_several(
            3, "LSTM", steps, *constants, lengths, hidden_size=size, direction="bidirectional"
        )  # (S, 2, B, M)
        both = graph.add("Transpose", found, perm=[0, 2, 1, 3])  # (S, B, 2, M)
        steps = graph.add("Reshape", both, graph.numbers(0, 0, 2 * size))
    rows = graph.add("Transpose", steps, perm=[1, 0, 2])  # (B, S, 2 M)
    return graph.add("Reshape", rows, graph.numbers(-1, 2 * size)), 2 * size


def _gates(small: Arrays, layer: int) -> tuple[NDArray[np.float32], ...]:
    """Weights (2, 4 M, D), of the state (2, 4 M, M), and biases (2, 8 M) of both directions."""
    inputs, states, biases = [], [], []
    for way in ("", "_reverse"):
        inputs.append(_ordered(small[f"lstm.weight_ih_l{layer}{way}"]))
        states.append(_ordered(small[f"lstm.weight_hh_l{layer}{way}"]))
        both = (_ordered(small[f"lstm.bias_{kind}_l{layer}{way}"]) for kind in ("ih", "hh"))
        biases.append(np.concatenate(list(both)))
    return np.stack(inputs), np.stack(states), np.stack(biases)


def _ordered(gates: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([np.split(gates, 4)[gate] for gate in _GATES])


def _pooled(encoder: EncoderGraph, hidden: str, pooling: str) -> str:
    """(B, S, D) -> (B, D), as :mod:`bertwright.features.pooling`."""
    graph = encoder.graph
    if pooling == "cls":
        return graph.add("Gather", hidden, graph.constant("first axis", np.array(0)), axis=1)
    visible = graph.add("Unsqueeze", encoder.operations.visible, graph.numbers(2))  # (B, S, 1)
    if pooling == "max":
        lowest = graph.add("Where", visible, hidden, graph.scalar(float("-inf")))
        return graph.add("ReduceMax", lowest, graph.numbers(1), keepdims=0)
    weights = graph.cast(visible, "FLOAT")
    total = graph.add("ReduceSum", graph.add("Mul", hidden, weights), graph.numbers(1), keepdims=0)
    return graph.add("Div", total, graph.add("ReduceSum", weights, graph.numbers(1), keepdims=0))
