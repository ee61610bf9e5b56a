"""A graph under construction: nodes in the order in which they are computed, and the constants they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.errors import ModelError
from bertwright.export import libraries

OPSET = 20
"""Version of the standard operators: the first with ``Gelu``."""
IR_VERSION = 9
"""Version of the file format that belongs to it."""
CONTRIB = "com.microsoft"
"""Domain of onnxruntime's own operators."""

SIZE_LIMIT = (2 << 30) - (1 << 20)
"""Bytes of a file: what the format can hold without external data, which is never written here."""

BATCH, LENGTH = "batch", "length"

Shape = Sequence[int | str]


@dataclass(frozen=True)
class Call:
    """One operator applied to named values."""

    operator: str
    inputs: tuple[str, ...]
    domain: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


class Graph:
    """Nodes, constants, inputs and outputs. Values are known by their names."""

    def __init__(self) -> None:
        self._helper = libraries.onnx().helper
        self._types = libraries.onnx().TensorProto
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: Shape) -> str:
        """An int64 input."""
        self._inputs.append(self._helper.make_tensor_value_info(name, self._types.INT64, list(shape)))
        return name

    def output(self, name: str, value: str, shape: Shape) -> None:
        """Give ``value`` (float32) to the caller under ``name``."""
        self._nodes.append(self._helper.make_node("Identity", [value], [name], name=name))
        self._outputs.append(self._helper.make_tensor_value_info(name, self._types.FLOAT, list(shape)))

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """A constant, stored once under ``name``."""
        if name not in self._constants:
            numpy_helper = libraries.onnx().numpy_helper
            self._constants[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def numbers(self, *values: int) -> str:
        """A constant list of int64."""
        return self.constant(f"numbers {values}", np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        """A constant float32 without axes."""
        return self.constant(f"scalar {value!r}", np.array(value, np.float32))

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Apply an operator of one result, and give the result's name."""
        return self.add_several(1, operator, *inputs, domain=domain, **attributes)[0]

    def add_several(
        self, count: int, operator: str, *inputs: str, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Apply an operator of ``count`` results, and give their names."""
        name = f"{operator} {len(self._nodes)}"
        results = [name] if count == 1 else [f"{name}.{index}" for index in range(count)]
        call = Call(operator, inputs, domain, attributes)
        self._nodes.append(self._node(call, results, name))
        return results

    def cast(self, value: str, kind: str) -> str:
        """``value`` as ``FLOAT``, ``BOOL``, ``INT32`` ..."""
        return self.add("Cast", value, to=getattr(self._types, kind))

    def choose(self, condition: str, then: Call, otherwise: Call, shape: Shape) -> str:
        """The float32 result of one call or of the other."""
        name = f"If {len(self._nodes)}"
        branches = {}
        for role, call in (("then_branch", then), ("else_branch", otherwise)):
            result = f"{name} {role}"
            info = self._helper.make_tensor_value_info(result, self._types.FLOAT, list(shape))
            node = self._node(call, [result], result)
            branches[role] = self._helper.make_graph([node], result, [], [info])
        self._nodes.append(self._helper.make_node("If", [condition], [name], name=name, **branches))
        return name

    def finished(self, title: str, facts: dict[str, str]) -> bytes:
        """The model file.

        Args:
            title: of the graph.
            facts: stored as the file's metadata.

        Raises:
            ModelError: it would be larger than the format allows.
        """
        helper = self._helper
        used = {name for node in self._nodes for name in node.input}
        constants = [constant for name, constant in self._constants.items() if name in used]
        size = sum(constant.ByteSize() for constant in constants)
        if size > SIZE_LIMIT:
            raise ModelError(
                f"ONNX: expected weights of at most {SIZE_LIMIT:,} bytes, which is what one file can hold, "
                f"got {size:,} (int8 is smaller)"
            )
        graph = helper.make_graph(self._nodes, title, self._inputs, self._outputs, constants)
        versions = [helper.make_opsetid("", OPSET)]
        if any(node.domain == CONTRIB for node in self._all_nodes()):
            versions.append(helper.make_opsetid(CONTRIB, 1))
        model = helper.make_model(
            graph, producer_name="bertwright", opset_imports=versions, ir_version=IR_VERSION
        )
        helper.set_model_props(model, facts)
        data: bytes = model.SerializeToString()
        return data

    def _node(self, call: Call, results: list[str], name: str) -> Any:
        return self._helper.make_node(
            call.operator, list(call.inputs), results, name=name, domain=call.domain, **call.attributes
        )

    def _all_nodes(self) -> list[Any]:
        inner = [
            node
            for outer in self._nodes
            for attribute in outer.attribute
            if attribute.HasField("g")
            for node in attribute.g.node
        ]
        return [*self._nodes, *inner]
