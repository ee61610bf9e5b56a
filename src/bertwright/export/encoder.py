"""The encoder as a graph.

Axes: B rows of a batch, S positions, T = B S tokens, K chosen tokens, H hidden size, L layers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bertwright.export.graph import Graph
from bertwright.export.operations import FloatOperations
from bertwright.model.config import BertConfig

Arrays = Mapping[str, NDArray[np.float32]]
"""Parameters by our names, as in the ``state_dict`` of a model with heads."""


class EncoderGraph:
    """Hidden states and pooled output; what nobody asks for is not added.

    The last block's output projection and its feed-forward sub-layer are added for each set of tokens that
    is asked for: a classifier, which reads the first token of a row, needs them for that one.

    Args:
        graph: what is added to.
        operations: float32 or int8.
        weights: of the encoder, and of heads, which are not looked at.
    """

    def __init__(
        self, graph: Graph, operations: FloatOperations, config: BertConfig, weights: Arrays
    ) -> None:
        self.graph = graph
        self.operations = operations
        self.config = config
        self.weights = weights
        self._states = [self._embeddings()]
        self._last_context = ""

    def hidden(self, layer: int) -> str:
        """(T, H): 0 the embeddings, 1 to L the blocks."""
        while len(self._states) <= layer:
            index = len(self._states) - 1
            self._states.append(self._tail(index, self._states[-1], self._context(index)))
        return self._states[layer]

    def last(self) -> str:
        """(T, H): what the last block gives."""
        return self.hidden(self.config.num_hidden_layers)

    def last_at(self, tokens: str) -> str:
        """(K, H): what the last block gives for some tokens alone.

        Args:
            tokens: (K,) int64, flat: row * S + position.
        """
        index = self.config.num_hidden_layers - 1
        before, context = self.hidden(index), self._context(index)
        chosen = (self.graph.add("Gather", rows, tokens, axis=0) for rows in (before, context))
        return self._tail(index, *chosen)

    def pooled(self) -> str:
        """(B, H): tanh of a linear layer on the first token of each row."""
        graph, name = self.graph, "encoder.pooler.dense"
        dense = self.operations.exact_linear(self.last_at(self._first_tokens()), name, *self._pair(name))
        return graph.add("Tanh", dense)

    def _first_tokens(self) -> str:
        """(B,) int64: 0, S, 2 S, ..."""
        graph = self.graph
        rows = graph.add("Gather", self.operations.shape, graph.constant("first axis", np.array(0)))
        length = graph.add("Gather", self.operations.shape, graph.constant("second axis", np.array(1)))
        places = graph.add("Range", graph.constant("first axis", np.array(0)), rows, self._one())
        return graph.add("Mul", places, length)

    def _one(self) -> str:
        return self.graph.constant("second axis", np.array(1))

    def _embeddings(self) -> str:
        graph, operations, prefix = self.graph, self.operations, "encoder.embeddings."
        word_name, type_name, position_name = (
            f"{prefix}{kind}_embeddings.weight" for kind in ("word", "token_type", "position")
        )
        words = operations.words("input_ids", word_name, self.weights[word_name])  # (B, S, H)
        types = graph.constant(type_name, self.weights[type_name])
        summed = graph.add("Add", words, graph.add("Gather", types, "token_type_ids"))
        table = graph.constant(position_name, self.weights[position_name])
        length = graph.add("Slice", operations.shape, graph.numbers(1), graph.numbers(2))  # (1,)
        positions = graph.add("Slice", table, graph.numbers(0), length, graph.numbers(0))  # (S, H)
        rows = operations.rows(graph.add("Add", summed, positions))
        return self._norm(rows, f"{prefix}layer_norm")

    def _context(self, index: int) -> str:
        """(T, H): the first half of a block's attention; of the last block, which is asked twice, kept."""
        last = index == self.config.num_hidden_layers - 1
        if last and self._last_context:
            return self._last_context
        name = f"encoder.layers.{index}.attention.query_key_value"
        fused = self.operations.linear(self.hidden(index), name, *self._pair(name))  # (T, 3H)
        context = self.operations.attention(fused)
        if last:
            self._last_context = context
        return context

    def _tail(self, index: int, before: str, context: str) -> str:
        """The rest of a block, which treats each token alone: (T, H), (T, H) -> (T, H)."""
        prefix, add = f"encoder.layers.{index}.", self.graph.add
        mixed = self._linear(context, f"{prefix}attention.output")
        attended = self._norm(add("Add", mixed, before), f"{prefix}attention_layer_norm")
        inner = self.operations.activation(self._linear(attended, f"{prefix}intermediate"))
        outer = self._linear(inner, f"{prefix}output")
        return self._norm(add("Add", outer, attended), f"{prefix}output_layer_norm")

    def _linear(self, rows: str, name: str) -> str:
        return self.operations.linear(rows, name, *self._pair(name))

    def _norm(self, rows: str, name: str) -> str:
        return self.operations.norm(rows, name, *self._pair(name))

    def _pair(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
