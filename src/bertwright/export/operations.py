"""The parts of a Transformer as operators, in float32 and with int8 weights.

Axes: B rows of a batch, S positions, T = B S tokens, H hidden size, N heads, D = H / N, V vocabulary,
I inputs and O outputs of a linear layer.

Values keep their tokens in one axis, (T, H), as long as each token is treated alone: a linear layer is then
one ``Gemm`` with its bias inside, and its weights stand in the file as in the model folder, (O, I).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertwright.export.graph import BATCH, CONTRIB, LENGTH, Call, Graph
from bertwright.model.attention import MASKED_SCORE
from bertwright.model.config import BertConfig
from bertwright.model.int8.rounding import WEIGHT_RANGE, rounded

Array = NDArray[np.float32]

TABLE_RANGE = 127
"""Word embeddings are looked up and not multiplied: they use the whole range."""


class FloatOperations:
    """Standard operators alone, all in float32: any ONNX runtime takes them.

    Args:
        graph: what is added to.
        config: the network's sizes.
        ids: name of the input (B, S) int64.
        mask: name of the input (B, S) int64, not 0 for tokens.
    """

    def __init__(self, graph: Graph, config: BertConfig, ids: str, mask: str) -> None:
        self.graph = graph
        self.config = config
        self.shape = graph.add("Shape", ids)  # (B, S)
        self.visible = graph.cast(mask, "BOOL")
        self._bias: str | None = None

    def words(self, ids: str, name: str, table: Array) -> str:
        """Rows of ``table`` (V, H): (B, S) -> (B, S, H)."""
        return self.graph.add("Gather", self.graph.constant(name, table), ids)

    def vocabulary(self, rows: str, name: str, table: Array, bias: str) -> str:
        """Products with every row of ``table`` (V, H), plus ``bias``: (P, H) -> (P, V)."""
        return self.graph.add("Gemm", rows, self.graph.constant(name, table), bias, transB=1)

    def linear(self, rows: str, name: str, weight: Array, bias: Array) -> str:
        """(T, I) -> (T, O) with ``weight`` (O, I)."""
        return self.exact_linear(rows, name, weight, bias)

    def exact_linear(self, rows: str, name: str, weight: Array, bias: Array) -> str:
        """As :meth:`linear`, in float32 always: for the small layers at the end."""
        weights = self.graph.constant(f"{name}.weight", weight)
        return self.graph.add("Gemm", rows, weights, self.graph.constant(f"{name}.bias", bias), transB=1)

    def attention(self, fused: str) -> str:
        """All heads: (T, 3H), queries, keys and values side by side -> (T, H)."""
        graph, heads, size = self.graph, self.config.num_attention_heads, self.config.head_size
        split = graph.add("Reshape", fused, self.reshaped(3 * heads, size))  # (B, S, 3N, D)
        split = graph.add("Transpose", split, perm=[0, 2, 1, 3])  # (B, 3N, S, D)
        query, key, value = graph.add_several(3, "Split", split, axis=1, num_outputs=3)  # (B, N, S, D)
        scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 1, 3, 2]))  # (B, N, S, S)
        scores = graph.add("Mul", scores, graph.scalar(size**-0.5))
        shares = graph.add("Softmax", graph.add("Add", scores, self.bias()), axis=-1)
        context = graph.add("Transpose", graph.add("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self.rows(context)

    def bias(self) -> str:
        """What is added to attention scores: (B, 1, 1, S)."""
        if self._bias is None:
            hidden = self.graph.cast(self.graph.add("Not", self.visible), "FLOAT")  # (B, S)
            added = self.graph.add("Mul", hidden, self.graph.scalar(MASKED_SCORE))
            self._bias = self.graph.add("Unsqueeze", added, self.graph.numbers(1, 2))
        return self._bias

    def reshaped(self, *sizes: int) -> str:
        """The shape (B, S, *sizes)."""
        return self.graph.add("Concat", self.shape, self.graph.numbers(*sizes), axis=0)

    def rows(self, hidden: str) -> str:
        """(B, S, ..) -> (T, H)."""
        return self.graph.add("Reshape", hidden, self.graph.numbers(-1, self.config.hidden_size))

    def norm(self, rows: str, name: str, weight: Array, bias: Array) -> str:
        """Layer normalization over the last axis."""
        return self.graph.add(
            "LayerNormalization",
            rows,
            self.graph.constant(f"{name}.weight", weight),
            self.graph.constant(f"{name}.bias", bias),
            axis=-1,
            epsilon=self.config.layer_norm_eps,
        )

    def activation(self, rows: str) -> str:
        """``hidden_act``."""
        act, add = self.config.hidden_act, self.graph.add
        if act == "gelu":
            return add("Gelu", rows)
        if act in ("gelu_new", "gelu_pytorch_tanh"):
            return add("Gelu", rows, approximate="tanh")
        if act == "silu":
            return add("Mul", rows, add("Sigmoid", rows))
        return {"relu": lambda: add("Relu", rows), "tanh": lambda: add("Tanh", rows)}.get(act, lambda: rows)()


class Int8Operations(FloatOperations):
    """Weights of 8 bits; what they are multiplied with is rounded on the way (dynamic quantization).

    The scale of the weights is their own for each output, that of the activations one for the whole product,
    found anew each time. Attention itself, normalizations and heads are computed in float32. Operators of
    onnxruntime: ``DynamicQuantizeMatMul``, and ``MultiHeadAttention``, which is fastest when there is no
    padding, so that a batch without any takes a branch of its own.
    """

    def __init__(self, graph: Graph, config: BertConfig, ids: str, mask: str) -> None:
        super().__init__(graph, config, ids, mask)
        self._keys = graph.cast(self.visible, "INT32")  # (B, S)
        self._no_padding = graph.cast(graph.add("ReduceMin", self._keys, keepdims=0), "BOOL")

    def words(self, ids: str, name: str, table: Array) -> str:
        """Rows of a table of 8 bits, each with its own scale."""
        small, scales = self._table(name, table)
        found = self.graph.cast(self.graph.add("Gather", small, ids), "FLOAT")  # (B, S, H)
        return self.graph.add("Mul", found, self.graph.add("Gather", scales, ids))

    def vocabulary(self, rows: str, name: str, table: Array, bias: str) -> str:
        """The same table, made float32 once, when the model is loaded."""
        small, scales = self._table(name, table)
        whole = self.graph.add("Mul", self.graph.cast(small, "FLOAT"), scales)  # (V, H)
        return self.graph.add("Gemm", rows, whole, bias, transB=1)

    def linear(self, rows: str, name: str, weight: Array, bias: Array) -> str:
        """Rounded rows times rounded weights."""
        graph = self.graph
        small, scales = rounded(weight, WEIGHT_RANGE)
        return graph.add(
            "DynamicQuantizeMatMul",
            rows,
            graph.constant(f"{name}.weight", small.T),
            graph.constant(f"{name}.scale", scales),
            graph.constant(f"{name}.zero", np.zeros(len(scales), np.int8)),
            graph.constant(f"{name}.bias", bias),
            domain=CONTRIB,
        )

    def attention(self, fused: str) -> str:
        """All heads in one operator."""
        graph, size = self.graph, self.config.hidden_size
        spread = graph.add("Reshape", fused, self.reshaped(3 * size))  # (B, S, 3H)
        parts = graph.add_several(3, "Split", spread, axis=2, num_outputs=3)  # (B, S, H)
        settings = {"num_heads": self.config.num_attention_heads, "mask_filter_value": MASKED_SCORE}
        whole = Call("MultiHeadAttention", tuple(parts), CONTRIB, settings)
        padded = Call("MultiHeadAttention", (*parts, "", self._keys), CONTRIB, settings)
        return self.rows(graph.choose(self._no_padding, whole, padded, (BATCH, LENGTH, size)))

    def _table(self, name: str, table: Array) -> tuple[str, str]:
        """(V, H) int8 and (V, 1) scales."""
        small, scales = rounded(table, TABLE_RANGE)
        return self.graph.constant(name, small), self.graph.constant(f"{name}.scale", scales[:, None])
