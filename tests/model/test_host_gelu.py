"""GELU with its slope: PyTorch's in float64, forwards and backwards, within the format's rounding."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from bertwright.execution.threads import computing_with
from bertwright.model import host_gelu as module
from bertwright.model.activations import activation
from bertwright.model.host_gelu import Approximation, host_gelu, is_for_host_gelu

DTYPES = [torch.float32, torch.bfloat16]
APPROXIMATIONS: list[Approximation] = ["none", "tanh"]


@pytest.fixture(params=DTYPES, ids=str)
def dtype(request: pytest.FixtureRequest) -> Iterator[torch.dtype]:
    yield request.param


def both(
    x: Tensor, approximate: Approximation, gradient: Tensor | None = None
) -> list[tuple[Tensor, Tensor]]:
    """Ours, and PyTorch's in float64: values and gradients."""
    found = []
    for numbers in (x.clone(), x.double()):
        numbers.requires_grad_()
        ours = numbers.dtype == x.dtype
        result = host_gelu(numbers, approximate) if ours else F.gelu(numbers, approximate=approximate)
        result.sum().backward()
        assert numbers.grad is not None
        found.append((result.detach().double(), numbers.grad.double()))
    return found


@pytest.mark.parametrize("approximate", APPROXIMATIONS)
def test_over_all_that_is_not_flat(approximate: Approximation, dtype: torch.dtype) -> None:
    x = torch.linspace(-12, 12, 100_001).to(dtype).view(-1, 11)
    ours, theirs = both(x, approximate)
    relative, absolute = (2**-8, 2**-9) if dtype is torch.bfloat16 else (1e-6, 2e-6)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=relative, atol=absolute)


@settings(deadline=None)
@given(
    st.lists(
        st.floats(width=32, allow_nan=False, min_value=-(2.0**100), max_value=2.0**100),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from(DTYPES),
    st.sampled_from(APPROXIMATIONS),
)
def test_any_numbers(numbers: list[float], dtype: torch.dtype, approximate: Approximation) -> None:
    x = torch.tensor(numbers).to(dtype)
    ours, theirs = both(x, approximate)
    relative, absolute = (2**-7, 2**-8) if dtype is torch.bfloat16 else (1e-5, 2e-6)
    torch.testing.assert_close(ours[0], theirs[0], rtol=relative, atol=absolute)
    near = x.abs() < 1e4  # beyond, the formula with tanh overflows in float32
    torch.testing.assert_close(ours[1][near], theirs[1][near], rtol=relative, atol=absolute)


def test_by_hand() -> None:
    x = torch.tensor([0.0, 1.0, -1.0, 20.0, -20.0])
    (values, slopes), _ = both(x, "none")
    phi = (1 + math.erf(math.sqrt(0.5))) / 2
    density = math.exp(-0.5) / math.sqrt(2 * math.pi)
    assert values.tolist() == pytest.approx([0, phi, phi - 1, 20, 0], abs=5e-7)
    assert slopes.tolist() == pytest.approx([0.5, phi + density, 1 - phi - density, 1, 0], abs=5e-7)


@pytest.mark.parametrize("approximate", APPROXIMATIONS)
def test_what_is_no_number_does_not_get_lost(approximate: Approximation, dtype: torch.dtype) -> None:
    x = torch.tensor([math.nan, 1.0, -math.nan], dtype=dtype)
    (values, slopes), _ = both(x, approximate)
    assert values.isnan().tolist() == slopes.isnan().tolist() == [True, False, True]


@pytest.mark.parametrize("approximate", APPROXIMATIONS)
def test_the_same_bytes_whatever_the_threads(
    approximate: Approximation, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LEAST", 1 << 10)
    x = torch.randn(5003, generator=torch.Generator().manual_seed(0)).to(dtype)
    found = []
    for threads in (1, 2, 5):
        with computing_with(threads):
            found.append(both(x, approximate)[0])
    for values, slopes in found[1:]:
        assert torch.equal(values, found[0][0])
        assert torch.equal(slopes, found[0][1])


def test_only_in_training_and_where_it_pays() -> None:
    many = torch.zeros(1 << 14)
    assert not is_for_host_gelu(many)
    many.requires_grad_()
    assert is_for_host_gelu(many)
    assert not is_for_host_gelu(torch.zeros(10, requires_grad=True))
    assert not is_for_host_gelu(many.double().detach().requires_grad_())
    with torch.no_grad():
        assert not is_for_host_gelu(many)


@pytest.mark.parametrize(("name", "approximate"), [("gelu", "none"), ("gelu_pytorch_tanh", "tanh")])
def test_the_activations_are_these(name: str, approximate: Approximation) -> None:
    x = torch.randn(1 << 15, generator=torch.Generator().manual_seed(0))
    plain = activation(name)(x)
    trained = activation(name)(x.clone().requires_grad_())
    torch.testing.assert_close(trained.detach(), plain, rtol=1e-6, atol=1e-6)
    assert torch.equal(plain, F.gelu(x, approximate=approximate))
