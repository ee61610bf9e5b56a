"""The kernels between the products, each against the same in numpy with 64 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import erf

from bertwright.model.int8.kernels import add_and_normalize, attend, gelu, restore, round_rows

ROWS, WIDTHS = st.integers(0, 9), st.integers(1, 70)
SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


def products(
    draw: np.random.Generator, rows: int, width: int, spread: float = 4.0
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What a product gives, its two scales, and a bias."""
    numbers = draw.integers(-(2**20), 2**20, (rows, width), dtype=np.int32)
    tokens = (draw.random(rows) * spread / 2**10 + 1e-6).astype(np.float32)
    outputs = (draw.random(width) / 2**10 + 1e-6).astype(np.float32)
    return numbers, tokens, outputs, draw.normal(size=width).astype(np.float32)


def exact(
    numbers: NDArray[np.int32],
    tokens: NDArray[np.float32],
    outputs: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> NDArray[np.float64]:
    return numbers * tokens[:, None].astype(np.float64) * outputs + bias


def space(rows: int, width: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    return np.full((rows, width), 99, np.int8), np.full(rows, 99, np.float32)


def assert_rounded(
    numbers: NDArray[np.int8], scales: NDArray[np.float32], values: NDArray[np.float64], slack: float
) -> None:
    """The scale is the largest number's over 127, the numbers are the nearest ones."""
    peaks = np.abs(values).max(axis=1)
    np.testing.assert_allclose(scales, np.where(peaks > 0, peaks, 1) / 127, rtol=1e-4, atol=slack)
    off = np.abs(numbers - values / scales[:, None].astype(np.float64))
    assert (off <= 0.5 + 127 * 1e-5 + slack / scales[:, None]).all()


@given(ROWS, WIDTHS, SEEDS)
@few
def test_rounding(rows: int, width: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = (draw.normal(size=(rows, width)) * 10 ** draw.uniform(-6, 6, (rows, 1))).astype(np.float32)
    values[: rows // 3] = 0
    numbers, scales = space(rows, width)
    round_rows(values, numbers, scales)
    assert_rounded(numbers, scales, values.astype(np.float64), 0.0)
    top = np.abs(values).max(axis=1, keepdims=True)
    share = np.float32(127) / np.where(top == 0, np.float32(1), top)
    scaled = values * share
    clear = np.abs(scaled - np.floor(scaled) - 0.5) > 1e-4  # no tie, which one rounding more may turn
    assert np.array_equal(numbers[clear], np.floor(scaled + np.float32(0.5))[clear].astype(np.int8))


def test_rounding_by_hand() -> None:
    values = np.array([[1.27, -0.01, 0.004, 0.006, -1.27, 0.0], [0.0] * 6], np.float32)
    numbers, scales = space(2, 6)
    round_rows(values, numbers, scales)
    assert numbers.tolist() == [[127, -1, 0, 1, -127, 0], [0] * 6]
    np.testing.assert_allclose(scales, [0.01, 1 / 127], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_does_not_vanish(bad: float) -> None:
    values = np.ones((2, 20), np.float32)
    values[1, 3] = bad
    numbers, scales = space(2, 20)
    round_rows(values, numbers, scales)
    assert np.isfinite(scales).tolist() == [True, False]


@given(ROWS, WIDTHS, SEEDS)
@few
def test_restoring(rows: int, width: int, seed: int) -> None:
    given = products(np.random.default_rng(seed), rows, width)
    found = np.empty((rows, width), np.float32)
    restore(*given, found)
    np.testing.assert_allclose(found, exact(*given), rtol=1e-5, atol=1e-5)


@given(ROWS, WIDTHS, SEEDS)
@few
def test_gelu(rows: int, width: int, seed: int) -> None:
    given = products(np.random.default_rng(seed), rows, width)
    numbers, scales = space(rows, width)
    gelu(*given, numbers, scales)
    x = exact(*given)
    assert_rounded(numbers, scales, x * 0.5 * (1 + erf(x / np.sqrt(2))), 2e-4)


@given(ROWS, WIDTHS, SEEDS)
@few
def test_residual_and_normalization(rows: int, width: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    given = products(draw, rows, width)
    before = draw.normal(size=(rows, width)).astype(np.float32)
    gain, shift = draw.normal(size=(2, width)).astype(np.float32)
    found = np.empty((rows, width), np.float32)
    add_and_normalize(*given, before, gain, shift, np.float32(1e-5), found)
    x = exact(*given) + before
    centred = x - x.mean(axis=1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5) * gain + shift
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@given(
    st.integers(1, 3),
    st.integers(1, 70),
    st.sampled_from([(1, 1), (4, 12), (3, 16), (2, 40), (2, 64)]),
    SEEDS,
)
@few
def test_attention(rows: int, length: int, heads_and_size: tuple[int, int], seed: int) -> None:
    heads, size = heads_and_size
    hidden, first, draw = heads * size, 2, np.random.default_rng(seed)
    given = products(draw, first + rows * length + 1, 3 * hidden, spread=1.0)
    numbers, scales = space(len(given[0]), hidden)
    attend(*given, rows, length, first, heads, numbers, scales)
    inside = slice(first, first + rows * length)
    fused = exact(*given)[inside].reshape(rows, length, 3, heads, size).transpose(2, 0, 3, 1, 4)
    scores = fused[0] @ fused[1].transpose(0, 1, 3, 2)
    powers = 2 ** (scores - scores.max(axis=-1, keepdims=True))
    mixed = (powers / powers.sum(axis=-1, keepdims=True)) @ fused[2]
    expected = mixed.transpose(0, 2, 1, 3).reshape(rows * length, hidden)
    assert_rounded(numbers[inside], scales[inside], expected, 2e-4)
    assert (numbers[:first] == 99).all() and (numbers[inside.stop :] == 99).all()  # others are left alone
