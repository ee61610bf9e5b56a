"""Products in registers, against NumPy with 64 bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.execution.vectors import LANES, TILE_ROWS, multiply

GUARD = np.float32(77)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 5), st.integers(1, 70), st.booleans(), st.integers(0, 9), st.integers()
)
def test_multiply(tiles: int, vectors: int, depth: int, transposed: bool, gap: int, seed: int) -> None:
    """Of matrices inside wider ones, from a place on; what lies beside the result stays."""
    draw = np.random.default_rng(abs(seed))
    rows, columns = tiles * TILE_ROWS, vectors * LANES
    left = draw.normal(size=(depth, rows + gap) if transposed else (rows, depth + gap)).astype(np.float32)
    right = draw.normal(size=(depth, columns + gap)).astype(np.float32)
    result = np.full((rows, columns + gap), GUARD)
    step, after = (1, rows + gap) if transposed else (depth + gap, 1)
    places = [(np.concatenate([[GUARD] * 3, matrix.ravel()]), 3) for matrix in (left, right, result)]
    (a, a_at), (b, b_at), (c, c_at) = ((flat.astype(np.float32), at) for flat, at in places)
    multiply(a, a_at, step, after, b, b_at, columns + gap, c, c_at, columns + gap, rows, columns, depth)
    found = c[c_at:].reshape(result.shape)
    whole = left[:, :rows].T if transposed else left[:, :depth]
    exact = whole.astype(np.float64) @ right[:, :columns].astype(np.float64)
    np.testing.assert_allclose(found[:, :columns], exact, rtol=1e-4, atol=1e-4)
    assert (found[:, columns:] == GUARD).all()
    assert (c[:c_at] == GUARD).all()


def test_multiply_by_hand() -> None:
    a = np.zeros((TILE_ROWS, 2), np.float32)
    a[:2] = [[1, 2], [3, 4]]
    b = np.zeros((2, LANES), np.float32)
    b[:, :2] = [[5, 6], [7, 8]]
    c = np.full((TILE_ROWS, LANES), GUARD)
    multiply(a, 0, 2, 1, b, 0, LANES, c, 0, LANES, TILE_ROWS, LANES, 2)
    assert c[:2, :2].tolist() == [[19, 22], [43, 50]]
    assert np.count_nonzero(c) == 4
    assert pytest.approx(c.sum()) == 134
