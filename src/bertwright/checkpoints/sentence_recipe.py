"""How the vectors of a text's tokens become the vector of the text: what sentence-transformers folders say.

Axes: N texts, D and E numbers of a vector before and after a dense layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

MODE_KEYS: Mapping[str, str] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Switches of a ``Pooling`` module -> names of poolings, in the order in which their vectors are joined."""

ACTIVATIONS: Mapping[str, str] = {
    "torch.nn.modules.linear.Identity": "linear",
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.GELU": "gelu",
    "torch.nn.modules.activation.SiLU": "silu",
}
"""Class names in a ``Dense`` module -> our names; looked up here and nowhere else."""


@dataclass(frozen=True)
class DenseLayer:
    """activation(x W' + b), applied to pooled vectors."""

    weight: Tensor
    """(E, D) float32."""
    bias: Tensor | None
    """(E,) float32."""
    activation: str
    """A name of :mod:`bertwright.model.activations`."""


@dataclass(frozen=True)
class SentenceRecipe:
    """The way from a text to its vector; the defaults are those of a model folder that says nothing."""

    pooling: str = "mean"
    """A pooling, or several joined by ``+``: their vectors one after the other."""
    dense: tuple[DenseLayer, ...] = ()
    """Layers on the pooled vector, in order."""
    normalize: bool = False
    """Whether vectors are scaled to Euclidean length 1, after all layers."""
    dimensions: int | None = None
    """Only so many numbers of each vector are kept."""
    unit: bool = False
    """Whether these are scaled to length 1, in the end: what is kept of a scaled vector is shorter."""
    max_length: int | None = None
    """Longer rows are cut to so many tokens; None for what the network can see."""
    lower_case: bool = False
    """Whether texts are lower-cased before a tokenizer that keeps case."""
    prompt: str = ""
    """Stands before every text."""

    def width(self, hidden_size: int) -> int:
        """Numbers of a finished vector."""
        width = hidden_size * len(self.pooling.split("+"))
        if self.dense:
            width = self.dense[-1].weight.shape[0]
        return width if self.dimensions is None else min(width, self.dimensions)

    def facts(self) -> dict[str, Any]:
        """As JSON values, without the numbers of dense layers."""
        layers = [{"shape": list(layer.weight.shape), "activation": layer.activation} for layer in self.dense]
        return {
            "pooling": self.pooling,
            "dense": layers,
            "normalize": self.normalize,
            "dimensions": self.dimensions,
            "unit": self.unit,
            "max_length": self.max_length,
            "lower_case": self.lower_case,
            "prompt": self.prompt,
        }

    def described(self) -> str:
        """One line for people."""
        parts = [f"{self.pooling} pooling"]
        parts += [f"a dense layer of {layer.weight.shape[0]} ({layer.activation})" for layer in self.dense]
        if self.normalize:
            parts.append("scaled to length 1")
        if self.dimensions is not None:
            parts.append(f"the first {self.dimensions} numbers")
        if self.unit:
            parts.append("these scaled to length 1")
        if self.max_length is not None:
            parts.append(f"at most {self.max_length} tokens")
        if self.lower_case:
            parts.append("lower-cased")
        if self.prompt:
            parts.append(f'after the prompt "{self.prompt}"')
        return ", ".join(parts)
