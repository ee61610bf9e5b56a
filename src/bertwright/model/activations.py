"""The functions ``hidden_act`` can name: a fixed table, looked up and never evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn import functional as F

Activation = Callable[[Tensor], Tensor]


def gelu_tanh(x: Tensor) -> Tensor:
    """0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): Google's GELU (Hendrycks & Gimpel 2016, section 2)."""
    return F.gelu(x, approximate="tanh")


def identity(x: Tensor) -> Tensor:
    """x itself."""
    return x


_TABLE: Mapping[str, Activation] = {
    "gelu_pytorch_tanh": gelu_tanh,
    "gelu_new": gelu_tanh,
    "gelu": F.gelu,
    "relu": F.relu,
    "tanh": F.tanh,
    "linear": identity,
    "silu": F.silu,
}


def activation(name: str) -> Activation:
    """The element-wise function called ``name`` in a configuration.

    Raises:
        KeyError: not in the table; :class:`~bertwright.model.config.BertConfig` admits no such name.
    """
    return _TABLE[name]
