"""Activations against their formulas in float64."""

from __future__ import annotations

import math

import pytest
import torch

from bertwright.model.activations import activation
from bertwright.model.config import ACTIVATIONS

X = torch.linspace(-6, 6, 101, dtype=torch.float64)


def tanh_form(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


FORMULAS = {
    "gelu_pytorch_tanh": tanh_form,
    "gelu_new": tanh_form,
    "gelu": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "relu": lambda x: max(x, 0.0),
    "tanh": math.tanh,
    "linear": lambda x: x,
    "silu": lambda x: x / (1 + math.exp(-x)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_formula(name: str) -> None:
    expected = torch.tensor([FORMULAS[name](float(x)) for x in X], dtype=torch.float64)
    torch.testing.assert_close(activation(name)(X), expected, rtol=0, atol=1e-14)


def test_the_two_gelus_differ() -> None:
    assert float((activation("gelu")(X) - activation("gelu_pytorch_tanh")(X)).abs().max()) > 1e-4


def test_only_names_in_the_table() -> None:
    with pytest.raises(KeyError):
        activation("__import__('os').system('x')")
