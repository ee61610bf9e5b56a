"""The functions ``hidden_act`` can name: a fixed table, looked up and never evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn import functional as F

from bertwright.model.host_gelu import host_gelu, is_for_host_gelu

Activation = Callable[[Tensor], Tensor]


def gelu_tanh(x: Tensor) -> Tensor:
    """0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): Google's GELU (Hendrycks & Gimpel 2016, section 2)."""
    return host_gelu(x, "tanh") if is_for_host_gelu(x) else F.gelu(x, approximate="tanh")


def gelu(x: Tensor) -> Tensor:
    """x Phi(x), Phi the normal distribution (Hendrycks & Gimpel 2016, section 2)."""
    return host_gelu(x, "none") if is_for_host_gelu(x) else F.gelu(x)


def identity(x: Tensor) -> Tensor:
    """x itself."""
    return x


_TABLE: Mapping[str, Activation] = {
    "gelu_pytorch_tanh": gelu_tanh,
    "gelu_new": gelu_tanh,
    "gelu": gelu,
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
