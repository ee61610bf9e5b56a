"""Dropout: by its definition, its rate and scale, the same elements backwards, and repeatable from a seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.execution.threads import computing_with
from bertwright.model.dropout import Drawing, Dropout

DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]
WORD = (1 << 64) - 1


def split_mix(key: int, number: int) -> int:
    """The output of SplitMix64 with the seed ``key``, from 0."""
    bits = (key + (number + 1) * 0x9E3779B97F4A7C15) & WORD
    bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & WORD
    bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & WORD
    return bits ^ bits >> 31


def kept(drawing: Drawing, shape: tuple[int, ...]) -> torch.Tensor:
    """Which elements of ``shape`` are not dropped."""
    return drawing.apply(torch.ones(shape)) != 0


def test_the_numbers_are_those_of_split_mix() -> None:
    """As published for the seed 1234567."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [split_mix(1234567, number) for number in range(3)] == published


@settings(deadline=None)
@given(st.integers(0, WORD), st.integers(0, 1 << 16), st.integers(0, 37), st.sampled_from(DTYPES))
def test_by_definition(key: int, share: int, count: int, dtype: torch.dtype) -> None:
    drawing = Drawing(key, share)
    x = torch.linspace(-3, 3, count).to(dtype)
    bits = [split_mix(key, place // 4) >> 16 * (place % 4) & 0xFFFF for place in range(count)]
    before, found = x.clone(), drawing.apply(x)
    expected = torch.where(torch.tensor(bits, dtype=torch.int64) < share, x * drawing.factor, 0 * x)
    assert found.dtype is dtype and torch.equal(x, before)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_by_definition_for_many_numbers_by_several_threads(threads: int, dtype: torch.dtype) -> None:
    """So many that threads share them, and what is drawn at once is not all; the last four are not whole."""
    drawing, count = Drawing(WORD - 5, 40_000), (1 << 20) + 4 * 1_000 + 3
    bits = np.arange(1, count // 4 + 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits += np.uint64(drawing.key)
    bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    lanes = bits[:, None] >> np.arange(0, 64, 16, dtype=np.uint64) & np.uint64(0xFFFF)
    kept_ones = torch.from_numpy((lanes < drawing.kept).ravel()[:count])
    x = torch.linspace(-3, 3, count).to(dtype)
    with computing_with(threads):
        found = drawing.apply(x)
    assert torch.equal(found, torch.where(kept_ones, x * drawing.factor, 0 * x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_dropped_is_0_whatever_it_was(dtype: torch.dtype) -> None:
    drawing = Drawing(1, 32_768)
    mask = kept(drawing, (64,))
    for value in (torch.inf, -torch.inf, torch.nan, -1.0):
        found = drawing.apply(torch.full((64,), value, dtype=dtype))
        assert torch.equal(found[~mask], torch.zeros(int((~mask).sum()), dtype=dtype))
        assert torch.equal(found[mask].isfinite(), torch.full((int(mask.sum()),), value == -1))


@pytest.mark.parametrize("probability", [0.1, 0.25, 0.5, 0.9])
def test_rate_and_scale(probability: float) -> None:
    torch.manual_seed(5)
    drawing = Drawing.new(probability)
    mask = kept(drawing, (1000, 1003))
    deviation = (probability * (1 - probability) / mask.numel()) ** 0.5
    assert float((~mask).double().mean()) == pytest.approx(probability, abs=5 * deviation + 1e-4)
    assert drawing.factor == pytest.approx(1 / (1 - probability), rel=1e-3)


def test_neighbours_that_share_a_random_number_are_independent() -> None:
    torch.manual_seed(6)
    mask = kept(Drawing.new(0.5), (250_000, 4))
    joint = (mask.long() @ torch.tensor([1, 2, 4, 8])).bincount(minlength=16)  # all 16 patterns
    assert float(joint.max() - joint.min()) / 250_000 < 0.01


def test_places_and_drawings_are_independent() -> None:
    """Neighbours in a row, and the same place of one drawing and the next."""
    torch.manual_seed(7)
    one, other = (kept(Drawing.new(0.3), (400_000,)).double() for _ in range(2))
    for left, right in ((one[:-1], one[1:]), (one[:-4], one[4:]), (one, other)):
        assert abs(float(np.corrcoef(left, right)[0, 1])) < 5 / 400_000**0.5


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_gradient_passes_where_the_value_did(dtype: torch.dtype) -> None:
    x = torch.full((7, 33), 2.0, dtype=dtype, requires_grad=True)
    dropout = Dropout(0.4).train()
    y = dropout(x)
    y.backward(torch.ones_like(y))
    assert x.grad is not None
    assert y.dtype is dtype and x.grad.dtype is dtype
    torch.testing.assert_close(y.detach(), 2 * x.grad)
    assert set(x.grad.float().unique().tolist()) == {0.0, x.grad.float().max().item()}


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=3), st.floats(0, 0.999))
def test_any_shape(shape: list[int], probability: float) -> None:
    drawing = Drawing.new(probability)
    assert drawing.apply(torch.ones(shape)).shape == tuple(shape)
    assert drawing.factor >= 1


def test_it_is_the_identity_in_evaluation_and_at_zero() -> None:
    x = torch.randn(3, 4)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_the_same_seed_gives_the_same_mask() -> None:
    drawings = []
    for _ in range(2):
        torch.manual_seed(9)
        drawings.append(Drawing.new(0.3))
    assert drawings[0] == drawings[1] != Drawing.new(0.3)


def test_it_follows_strides() -> None:
    x = torch.randn(4, 6).t().requires_grad_()
    y = Dropout(0.5).train()(x)
    assert y.shape == (6, 4)
    y.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(y.detach(), x.detach() * x.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_elements_whatever_the_threads(dtype: torch.dtype) -> None:
    drawing, found = Drawing(WORD - 5, 50_000), []
    x = torch.arange(1, 1004).to(dtype)
    for threads in (1, 2, 3, 7):
        with computing_with(threads):
            found.append(drawing.apply(x))
    assert all(torch.equal(found[0], other) for other in found[1:])
    assert torch.equal(found[0], drawing.apply(x))
