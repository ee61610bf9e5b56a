"""Linear layers: exact numbers, as PyTorch for any shape, forwards and backwards, on any processor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from bertwright.execution import processor
from bertwright.model import linear as module
from bertwright.model.linear import Linear, linear

ONEDNN = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")


@pytest.fixture(params=[True, False], ids=["oneDNN", "as PyTorch does"], autouse=True)
def way(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Both ways, whatever the processor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "runs_mkl_slowly", lambda: request.param)
        yield request.param


def inputs_of(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_exact_numbers() -> None:
    inputs = torch.arange(24, dtype=torch.float32).view(2, 4, 3)
    outputs = linear(inputs, torch.tensor([[1.0, 0, -1], [0, 2, 0]]), torch.tensor([10.0, 0]))
    assert outputs[..., 0].eq(8).all()
    assert torch.equal(outputs[..., 1], 2 * inputs[..., 1])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=3),
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_as_pytorch_forwards_and_backwards(
    axes: list[int], width: int, outputs: int, has_bias: bool, wanted: list[bool]
) -> None:
    results = []
    for function in (linear, F.linear):
        given = [inputs_of(*axes, width), inputs_of(outputs, width), inputs_of(outputs)]
        for tensor, gradient in zip(given, wanted, strict=True):
            tensor.requires_grad_(gradient)
        result = function(given[0], given[1], given[2] if has_bias else None)
        if result.requires_grad:
            result.backward(inputs_of(*result.shape))  # type: ignore[no-untyped-call]
        results.append([result.detach(), *(tensor.grad for tensor in given)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.skipif(
    not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()),
    reason="oneDNN has no bf16 on this processor",
)
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
def test_bf16_as_pytorch(has_bias: bool, given: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounded once, where PyTorch rounds the product and then the sum with the bias."""
    monkeypatch.setattr(module, "has_bf16", lambda: True)
    results = []
    for function in (linear, F.linear):
        inputs = inputs_of(3, 50, 16).to(given).requires_grad_()
        weight, bias = inputs_of(40, 16).requires_grad_(), inputs_of(40).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            result = function(inputs, weight, bias if has_bias else None)
        assert result.dtype is torch.bfloat16
        assert (type(result.grad_fn).__name__ == "_OneDnnLinearBackward") == (function is linear)
        result.backward(inputs_of(3, 50, 40).bfloat16())  # type: ignore[no-untyped-call]
        results.append([result.detach(), inputs.grad, weight.grad, bias.grad])
    for ours, theirs in zip(*results, strict=True):
        if ours is None or theirs is None:
            assert ours is theirs and not has_bias
            continue
        assert ours.dtype is theirs.dtype
        torch.testing.assert_close(ours.float(), theirs.float(), rtol=2**-7, atol=2**-7)


def test_bf16_where_nothing_is_trained_and_of_one_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_bf16", lambda: True)
    inputs, weight = inputs_of(3, 16), inputs_of(40, 16).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            assert torch.equal(linear(inputs, weight), F.linear(inputs, weight))
        one = linear(inputs[0], weight)
        assert torch.equal(one, F.linear(inputs[0], weight))
    one.sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None


def test_inputs_that_lie_any_way() -> None:
    inputs, weight = inputs_of(16, 50).t(), inputs_of(16, 7).t()
    torch.testing.assert_close(linear(inputs, weight), inputs @ weight.t(), rtol=1e-5, atol=1e-5)


@ONEDNN
def test_gradients_by_differences() -> None:
    """Each gradient against (f(x + e) - f(x - e)) / 2e, in whole numbers that float32 holds exactly."""
    draw = torch.Generator().manual_seed(1)
    inputs, weight, bias, gradient = (
        torch.randint(-4, 5, shape, generator=draw).float() for shape in ((9, 5), (3, 5), (3,), (9, 3))
    )
    given = [tensor.requires_grad_() for tensor in (inputs, weight, bias)]
    linear(*given).backward(gradient)  # type: ignore[no-untyped-call]
    for tensor in given:
        for place in range(tensor.numel()):
            values = []
            for step in (1.0, -1.0):
                with torch.no_grad():
                    tensor.view(-1)[place] += step
                    values.append(float((linear(*given) * gradient).sum()))
                    tensor.view(-1)[place] -= step
            assert tensor.grad is not None
            assert float(tensor.grad.view(-1)[place]) == (values[0] - values[1]) / 2


def test_the_module_is_pytorchs(way: bool) -> None:
    ours, theirs = Linear(8, 4), nn.Linear(8, 4)
    theirs.load_state_dict(ours.state_dict())
    inputs = inputs_of(3, 8, 8)
    torch.testing.assert_close(ours(inputs), theirs(inputs))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours(inputs), theirs(inputs))  # bf16 either way
    assert torch.equal(ours.double()(inputs.double()), theirs.double()(inputs.double()))


@pytest.mark.parametrize(
    ("flags", "slowly"),
    [
        ({"cpu_name": "AMD EPYC 9B45", "avx512_f": True}, True),
        ({"cpu_name": "AMD EPYC 7B13", "avx512_f": False}, False),
        ({"cpu_name": "Intel(R) Xeon(R) Platinum", "avx512_f": True}, False),
        ({}, False),
    ],
)
def test_which_processors(flags: dict[str, object], slowly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    processor.runs_mkl_slowly.cache_clear()
    assert processor.runs_mkl_slowly() == slowly
    processor.runs_mkl_slowly.cache_clear()
