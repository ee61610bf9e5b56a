"""LayerNorm(x + dropout(m)): the kernel against the formula, and against PyTorch's operators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from bertwright.execution.threads import computing_with
from bertwright.model import residual_norm as module
from bertwright.model.dropout import Drawing
from bertwright.model.residual_kernel import join_backward_in_team, join_in_team
from bertwright.model.residual_norm import ResidualNorm

EPS = 1e-12


def made(width: int, probability: float, seed: int = 0) -> ResidualNorm:
    norm = ResidualNorm(width, EPS, probability).train()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5, generator=generator)
        norm.bias.uniform_(-0.5, 0.5, generator=generator)
    return norm


def given_of(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hidden, mixed = (torch.randn(shape, generator=generator) for _ in range(2))
    return hidden.requires_grad_(), mixed.to(dtype).requires_grad_()


def gradients(norm: ResidualNorm, hidden: Tensor, mixed: Tensor, seed: int = 7) -> list[Tensor]:
    """Both results, and the gradients of all that goes in, by a loss over both."""
    torch.manual_seed(seed)
    exact, rounded = norm.in_both(hidden, mixed)
    wanted = [torch.randn(exact.shape, generator=torch.Generator().manual_seed(n)) for n in (1, 2)]
    loss = (exact * wanted[0]).sum() + (rounded.float() * wanted[1]).sum()
    found = torch.autograd.grad(loss, (hidden, mixed, norm.weight, norm.bias))
    return [exact.detach(), rounded.detach(), *found]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_results_are_no_views(dtype: torch.dtype) -> None:
    """FSDP warns of a block that returns one."""
    results = made(256, 0.1).in_both(*given_of((2, 3, 256), dtype))
    assert [result._base for result in results] == [None, None]


def test_by_hand() -> None:
    """x + m is 1, 3, 5, 7: mean 4, deviation the root of 5."""
    norm = ResidualNorm(4, 0.0, 0.5)
    hidden = torch.tensor([[0.0, 2.0, 4.0, 6.0]], requires_grad=True)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, 1.0, 1.0]))
        norm.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 10.0]))
    root = 5**0.5
    found = norm.eval()(hidden, torch.ones(1, 4))
    torch.testing.assert_close(found, torch.tensor([[-3 / root, -2 / root, 1 / root, 10 + 3 / root]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 8), (2, 5, 36), (150, 768), (700, 128)])
def test_the_formula(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """In float64, with what the key says is dropped."""
    norm, (hidden, mixed) = made(shape[-1], 0.3), given_of(shape, dtype)
    found = gradients(norm, hidden, mixed)
    torch.manual_seed(7)
    mask = Drawing.new(0.3).apply(torch.ones(shape))
    assert 0 < (mask == 0).sum() < mask.numel()
    exact = [tensor.detach().double().requires_grad_() for tensor in (hidden, mixed, norm.weight, norm.bias)]
    dropped = exact[1] * mask
    dropped = dropped + (dropped.to(dtype).double() - dropped).detach()  # it is rounded, its gradient is not
    result = F.layer_norm(exact[0] + dropped, shape[-1:], exact[2], exact[3], EPS)
    wanted = [torch.randn(shape, generator=torch.Generator().manual_seed(n)) for n in (1, 2)]
    wanted[1] = wanted[1].to(dtype)  # the gradient of a bf16 is one
    loss = (result * (wanted[0].double() + wanted[1].double())).sum()
    expected = [result.detach()] * 2 + list(torch.autograd.grad(loss, exact))
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        tolerance = 2**-8 if one.dtype == torch.bfloat16 else 1e-5 if number < 4 else 1e-4
        torch.testing.assert_close(
            one.double(), other, rtol=tolerance, atol=tolerance, msg=lambda m, n=number: f"{n}: {m}"
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_as_pytorchs_operators_do(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain way drops the same elements, and rounds at the same places."""
    norm, (hidden, mixed) = made(256, 0.1), given_of((90, 256), dtype)
    fast = gradients(norm, hidden, mixed)
    monkeypatch.setattr(module, "_is_for_kernel", lambda *_: False)
    plain = gradients(norm, hidden, mixed)
    assert fast[1].dtype == dtype
    assert torch.equal(fast[1], fast[0].to(dtype))
    if dtype == torch.float32:
        for one, other in zip(fast, plain, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    else:
        torch.testing.assert_close(fast[0], plain[0], rtol=1e-5, atol=1e-5)


@given(rows=st.integers(1, 40), width=st.integers(1, 20), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_rows_are_normal(rows: int, width: int, seed: int) -> None:
    """Mean 0 and deviation 1 before weight and bias; the gradient of a row adds up to 0 and is orthogonal to
    it."""
    width *= 4
    norm = ResidualNorm(width, EPS, 0.2).train()
    hidden, mixed = given_of((rows, width), torch.float32, seed)
    torch.manual_seed(seed)
    result = norm(hidden, mixed)
    torch.testing.assert_close(result.mean(1), torch.zeros(rows), rtol=0, atol=1e-5)
    torch.testing.assert_close(result.square().mean(1), torch.ones(rows), rtol=0, atol=1e-3)
    wanted = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))
    (gradient,) = torch.autograd.grad((result * wanted).sum(), hidden)
    scale = gradient.abs().max() * width
    assert gradient.sum(1).abs().max() <= 1e-5 * scale
    assert (gradient * result).sum(1).abs().max() <= 1e-5 * scale


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_threads_change_only_sums_over_rows(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST", 1)
    norm, (hidden, mixed) = made(64, 0.1), given_of((37, 64), dtype)
    found = []
    for threads in (1, 2, 5):
        with computing_with(threads):
            found.append(gradients(norm, hidden, mixed))
    for other in found[1:]:
        for one, same in zip(found[0][:4], other[:4], strict=True):
            assert torch.equal(one, same)
        for one, close in zip(found[0][4:], other[4:], strict=True):
            torch.testing.assert_close(one, close, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_either_result_may_go_unused(which: int, dtype: torch.dtype) -> None:
    norm, (hidden, mixed) = made(16, 0.1), given_of((6, 16), dtype)
    torch.manual_seed(3)
    results = norm.in_both(hidden, mixed)
    torch.manual_seed(3)
    same = norm(hidden, mixed)
    (found,) = torch.autograd.grad(results[which].float().sum(), hidden)
    (expected,) = torch.autograd.grad(same.sum(), hidden)
    torch.testing.assert_close(found, expected)


def test_memory_of_weights_stays_free_to_go() -> None:
    """FSDP gives it up between uses, which it cannot where NumPy has seen it."""
    norm, (hidden, mixed) = made(16, 0.1), given_of((6, 16), torch.float32)
    norm(hidden, mixed).sum().backward()
    for parameter in (norm.weight, norm.bias):
        assert parameter.untyped_storage().resizable()


def test_no_gradient_comes_of_none() -> None:
    class Nothing(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> None:
            return None

    norm, (hidden, mixed) = made(16, 0.1), given_of((6, 16), torch.float32)
    Nothing.apply(norm(hidden, mixed)).sum().backward()  # type: ignore[no-untyped-call]
    assert hidden.grad is mixed.grad is norm.weight.grad is None


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_the_same_bytes_wherever_arrays_lie(dtype: type[np.generic]) -> None:
    """LLVM has code for arrays that may overlap: side by side in memory they must give the same sums."""
    draw, rows, width = np.random.default_rng(0), 6, 32
    hidden, mixed, gradient = (draw.standard_normal((rows, width)).astype(np.float32) for _ in range(3))
    if dtype == np.int16:
        mixed = (mixed.view(np.int32) >> 16).astype(np.int16)
    weight, bias = draw.standard_normal((2, width)).astype(np.float32)
    drawing = np.uint64(3), np.int32(60_000), np.float32(1.1)
    seen = set()
    for _ in range(1500):
        taken = [np.zeros((rows, width), kind) for kind in (np.float32, dtype, np.float32, dtype)]
        taken += [np.zeros((rows, 2), np.float32), np.zeros((1, 2, width), np.float32)]
        laid = side_by_side([hidden, mixed, gradient, mixed, weight, bias, *taken], draw)
        x, m, g, rounded_g, w, b, result, rounded, d_x, d_m, moments, d_norm = laid
        if dtype == np.float32:
            rounded_g, rounded = rounded_g[:0], rounded[:0]
        join_in_team((x, m, drawing, (w, b, np.float32(EPS)), (result, rounded, moments)), 1)
        join_backward_in_team(((g, rounded_g), x, m, drawing, w, moments, (d_x, d_m, d_norm)), 1)
        seen.add(b"".join(array.tobytes() for array in (result, rounded, moments, d_x, d_m, d_norm)))
    assert len(seen) == 1


def side_by_side(arrays: list[NDArray[Any]], draw: np.random.Generator) -> list[NDArray[Any]]:
    """The arrays in one piece of memory, in a random order, none or few bytes between them."""
    memory, place = np.zeros(sum(array.nbytes + 64 for array in arrays) + 64, np.uint8), 0
    found: dict[int, NDArray[Any]] = {}
    for number in draw.permutation(len(arrays)):
        array = arrays[number]
        found[number] = memory[place : place + array.nbytes].view(array.dtype).reshape(array.shape)
        found[number][...] = array
        place += array.nbytes + int(draw.choice([0, 0, 0, 8, 16, 32, 64]))
    return [found[number] for number in range(len(arrays))]


def test_what_is_not_dense_is_made_so() -> None:
    norm, (hidden, mixed) = made(8, 0.2), given_of((8, 6), torch.float32)
    torch.manual_seed(1)
    turned = norm(hidden[:, :6].T[:, :8], mixed.T[:, :8])
    torch.manual_seed(1)
    dense = norm(hidden.T.contiguous(), mixed.T.contiguous())
    assert torch.equal(turned, dense)
    gradient = torch.randn(8, 6, generator=torch.Generator().manual_seed(2))
    (one,) = torch.autograd.grad(turned, hidden, gradient.T)
    (other,) = torch.autograd.grad(dense, hidden, gradient.T.contiguous())
    assert torch.equal(one, other)


def test_the_kernel_is_for_dropout_in_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else PyTorch's operators are as fast, and a text's vector must not depend on what is loaded."""
    asked: list[bool] = []
    apply = module._Joined.apply
    monkeypatch.setattr(module._Joined, "apply", lambda *given: (asked.append(True), apply(*given))[1])
    hidden, mixed = given_of((5, 8), torch.float32)
    norm = made(8, 0.1)
    norm(hidden, mixed)
    assert len(asked) == 1
    norm.eval()(hidden, mixed)
    made(8, 0.0)(hidden, mixed)
    with torch.no_grad():
        norm.train()(hidden, mixed)
    made(6, 0.1)(*given_of((5, 6), torch.float32))  # a row would begin within a random number
    made(8, 0.1)(*given_of((0, 8), torch.float32))
    assert len(asked) == 1
