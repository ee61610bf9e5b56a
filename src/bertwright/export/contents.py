"""What an ONNX file holds, looked at before it is used: only what is written here is taken."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from bertwright.errors import ModelError
from bertwright.export import libraries
from bertwright.export.graph import CONTRIB, SIZE_LIMIT
from bertwright.export.heads import IDS, MASK, MASKED, TYPES

_STANDARD = frozenset(
    [
        "Add",
        "Cast",
        "Concat",
        "Div",
        "Gather",
        "Gelu",
        "Gemm",
        "Identity",
        "If",
        "LSTM",
        "LayerNormalization",
        "MatMul",
        "Mul",
        "Not",
        "Range",
        "ReduceMax",
        "ReduceMin",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Shape",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Split",
        "Squeeze",
        "Sub",
        "Sum",
        "Tanh",
        "Transpose",
        "Unsqueeze",
        "Where",
    ]
)
_OPERATORS = {"": _STANDARD, CONTRIB: frozenset({"DynamicQuantizeMatMul", "MultiHeadAttention"})}
"""Domain -> operators. None of them reads a file, and a library of other operators is never loaded."""


class Contents:
    """A parsed and checked model file.

    Args:
        path: the file; it is read once, and everything later happens in memory.

    Raises:
        ModelError: it is too large, damaged, reads other files, has operators of others, or other inputs.
    """

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size
        if size > SIZE_LIMIT:
            raise ModelError.at(path, f"a model file of at most {SIZE_LIMIT:,} bytes", f"{size:,} bytes")
        self.path = path
        self._model = parsed(path.read_bytes(), path)
        self._check()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the results."""
        return tuple(output.name for output in self._model.graph.output)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what is given."""
        return tuple(given.name for given in self._model.graph.input)

    def sizes(self) -> dict[str, int]:
        """Constant -> how many numbers it has."""
        found = {}
        for constant in self._model.graph.initializer:
            count = 1
            for length in constant.dims:
                count *= length
            found[constant.name] = count
        return found

    def keeping(self, outputs: Collection[str]) -> bytes:
        """The file with these outputs alone, and without what only the others need."""
        whole = self._model
        needed = set(outputs)
        nodes = []
        for node in reversed(whole.graph.node):
            if needed & set(node.output):
                nodes.append(node)
                needed.update(node.input)
                needed.update(
                    name for branch in _branches(node) for inner in branch.node for name in inner.input
                )
        part = libraries.onnx().ModelProto(ir_version=whole.ir_version, opset_import=whole.opset_import)
        part.graph.name = whole.graph.name
        part.graph.node.extend(reversed(nodes))
        part.graph.output.extend(output for output in whole.graph.output if output.name in outputs)
        part.graph.input.extend(given for given in whole.graph.input if given.name in needed)
        part.graph.initializer.extend(
            constant for constant in whole.graph.initializer if constant.name in needed
        )
        data: bytes = part.SerializeToString()
        return data

    def _check(self) -> None:
        model = self._model
        if len(model.functions) or not {entry.domain for entry in model.opset_import} <= set(_OPERATORS):
            self._refuse("standard operators and onnxruntime's", "operators of its own")
        for graph in _graphs(model.graph):
            for node in graph.node:
                if node.op_type not in _OPERATORS.get(node.domain, ()):
                    self._refuse("operators that bertwright writes", f"{node.domain}:{node.op_type}")
            if len(graph.sparse_initializer):
                self._refuse("dense constants", "sparse ones")
            for constant in graph.initializer:
                if len(constant.external_data) or constant.data_location:
                    places = [entry.value for entry in constant.external_data if entry.key == "location"]
                    self._refuse("all weights in the file itself", f"{', '.join(places)} for {constant.name}")
        inputs = set(self.inputs)
        if not {IDS, MASK, TYPES} <= inputs <= {IDS, MASK, TYPES, MASKED}:
            self._refuse(f"the inputs {IDS}, {MASK} and {TYPES}", ", ".join(self.inputs))

    def _refuse(self, expected: str, got: str) -> None:
        raise ModelError.at(self.path, expected, got, hint="not a file of bertwright's, or changed")


def parsed(data: bytes, path: Path) -> Any:
    """The model in ``data``.

    Raises:
        ModelError: it is no ONNX file.
    """
    onnx = libraries.onnx()
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as problem:  # protobuf's DecodeError has another home in each of its versions
        raise ModelError.at(path, "an ONNX model", str(problem), hint="damaged, or something else") from None
    if not len(model.graph.node) or not any(entry.domain == "" for entry in model.opset_import):
        raise ModelError.at(path, "an ONNX model", "a file without a graph")
    return model


def _graphs(graph: Any) -> Iterator[Any]:
    """``graph`` and the branches inside it."""
    waiting = [graph]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += [branch for node in one.node for branch in _branches(node)]


def _branches(node: Any) -> list[Any]:
    return [
        graph
        for attribute in node.attribute
        for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs)
    ]
