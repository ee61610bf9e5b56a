"""Weights to the bytes of an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from bertwright.export.encoder import Arrays, EncoderGraph
from bertwright.export.graph import BATCH, LENGTH, Graph
from bertwright.export.heads import IDS, MASK, MASKED, TYPES, add_outputs
from bertwright.export.operations import FloatOperations, Int8Operations
from bertwright.export.small_model import add_small_model
from bertwright.model.config import BertConfig

Precision = Literal["float32", "int8"]


@dataclass(frozen=True)
class SmallModel:
    """What was trained on frozen vectors."""

    tensors: Mapping[str, Tensor]
    description: Mapping[str, Any]


def build(
    config: BertConfig,
    tensors: Mapping[str, Tensor],
    parts: Sequence[str],
    *,
    by_token: bool = False,
    precision: Precision = "float32",
    small: SmallModel | None = None,
) -> bytes:
    """The model as an ONNX file.

    Args:
        tensors: parameters by our names, float32.
        parts: what there is, of :data:`bertwright.export.heads.PARTS`.
        by_token: whether the classifier reads every token.
        small: a model on the frozen encoder's vectors, in place of a classifier.

    Raises:
        UsageError: the extra ``onnx`` is not installed.
        ModelError: it does not fit into one file, or has a part that is not known here.
    """
    graph = Graph()
    for name in (IDS, MASK, TYPES):
        graph.input(name, (BATCH, LENGTH))
    if "masked_language_head" in parts:
        graph.input(MASKED, ("masked",))
    kind = Int8Operations if precision == "int8" else FloatOperations
    encoder = EncoderGraph(graph, kind(graph, config, IDS, MASK), config, _arrays(tensors))
    add_outputs(encoder, parts, by_token=by_token)
    if small is not None:
        add_small_model(encoder, _arrays(small.tensors), small.description)
    return graph.finished("bert", {"precision": precision})


def _arrays(tensors: Mapping[str, Tensor]) -> Arrays:
    return {name: tensor.detach().cpu().float().numpy() for name, tensor in tensors.items()}
