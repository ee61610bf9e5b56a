"""Which layers' vectors are taken, and how those of several become one (paper, section 5.3 and table 7).

Layers are counted as in ``hidden_states``: 0 is the embeddings, 1 to L the blocks. A negative number counts
from the last block and never reaches the embeddings, which are no layer of the network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from bertwright.errors import UsageError, quote

ChoiceName = Literal[
    "embeddings",
    "second-to-last",
    "last",
    "weighted-sum-last-four",
    "concat-last-four",
    "weighted-sum-all",
    "weighted-sum-with-embeddings",
]
"""The rows of table 7; and ELMo's, which weighs the embeddings too."""
Joining = Literal["single", "concat", "weighted"]
"""One layer; several side by side; several in a learned sum."""
CHOICES: tuple[ChoiceName, ...] = get_args(ChoiceName)
TABLE_7 = CHOICES[:-1]

FEW = 4
_SINGLE = {"embeddings", "second-to-last", "last"}
_NUMBER = re.compile(r"[+-]?\d{1,6}")


@dataclass(frozen=True)
class LayerChoice:
    """A row of table 7 (or ELMo's way), for a network of a certain depth."""

    name: ChoiceName
    layers: tuple[int, ...]
    """From the lowest to the highest."""
    joining: Joining
    remark: str | None = None
    """What the network could not give as the name says it."""

    def width(self, hidden_size: int) -> int:
        """Numbers in the vector of a token after joining."""
        return hidden_size * (len(self.layers) if self.joining == "concat" else 1)


def layer_choice(name: str, num_layers: int) -> LayerChoice:
    """The choice of that name in a network of ``num_layers`` blocks.

    Raises:
        UsageError: there is none.
    """
    if name not in CHOICES:
        raise UsageError(f"layers: expected one of {', '.join(CHOICES)}, got {quote(name)}")
    chosen: ChoiceName = next(choice for choice in CHOICES if choice == name)
    if chosen in _SINGLE:
        return LayerChoice(chosen, (_named(chosen, num_layers),), "single")
    everything = tuple(range(1, num_layers + 1))
    joining: Joining = "concat" if chosen.startswith("concat") else "weighted"
    if chosen == "weighted-sum-with-embeddings":
        return LayerChoice(chosen, (0, *everything), joining)
    if chosen == "weighted-sum-all":
        return LayerChoice(chosen, everything, joining)
    remark = None
    if num_layers < FEW:
        remark = f"{chosen}: the network has {num_layers} layers, and all of them are taken"
    return LayerChoice(chosen, everything[-FEW:], joining, remark)


@dataclass(frozen=True)
class Selection:
    """Layers as ``--layers`` names them."""

    layers: tuple[int, ...]
    """As counted in ``hidden_states``, in the order in which they were named."""
    names: tuple[int, ...]
    """The same as they were written: negative numbers stay negative, and so do those of ``-4:``."""
    remark: str | None = None
    """What the network could not give as it was asked for."""


def select_layers(text: str, num_layers: int) -> Selection:
    """Layers by numbers (``-1,-2``), as a slice of Python's (``-4:``), or by a name (``last``).

    Raises:
        UsageError: it is none of these, or the network has no such layer.
    """
    text = text.strip()
    if text in _SINGLE:
        layer = _named(text, num_layers)
        return Selection((layer,), (layer,))
    if ":" in text:
        return _slice(text, num_layers)
    parts = [part.strip() for part in text.split(",")]
    if not all(_NUMBER.fullmatch(part) for part in parts):
        expected = f"numbers such as -1,-2, a slice such as -4:, or {', '.join(sorted(_SINGLE))}"
        raise UsageError(f"layers: expected {expected}, got {quote(text)}")
    names = tuple(map(int, parts))
    layers = tuple(_place(name, num_layers) for name in names)
    if len(set(layers)) != len(layers):
        raise UsageError(f"layers: expected each layer once, got {quote(text)}")
    return Selection(layers, names)


def _slice(text: str, num_layers: int) -> Selection:
    ends = [part.strip() for part in text.split(":")]
    if len(ends) != 2 or not all(_NUMBER.fullmatch(end) for end in ends if end):
        raise UsageError(f"layers: expected a slice such as -4: or 1:3, got {quote(text)}")
    start, stop = (int(end) if end else None for end in ends)
    remark = None
    if start is not None and start < -num_layers:
        remark = f"layers: {text} is more than the network's {num_layers} layers: all of them are taken"
    first = 0 if start is None else start if start >= 0 else max(1, num_layers + 1 + start)
    last = num_layers + 1 if stop is None else stop if stop >= 0 else num_layers + 1 + stop
    layers = tuple(range(first, min(last, num_layers + 1)))
    if not layers:
        raise UsageError(f"layers: {quote(text)} is empty in a network of {num_layers} layers")
    below = num_layers + 1 if start is not None and start < 0 else 0
    return Selection(layers, tuple(layer - below for layer in layers), remark)


def _place(name: int, num_layers: int) -> int:
    if not -num_layers <= name <= num_layers:
        expected = f"-{num_layers} to {num_layers} (0 is the embeddings, -1 the last layer)"
        raise UsageError(f"layers: expected {expected}, got {name}")
    return name if name >= 0 else num_layers + 1 + name


def _named(name: str, num_layers: int) -> int:
    """Below the last layer of a network of one layer are the embeddings."""
    return {"embeddings": 0, "second-to-last": num_layers - 1, "last": num_layers}[name]
