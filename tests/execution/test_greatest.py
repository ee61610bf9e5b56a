"""The greatest number, as NumPy finds it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.execution.greatest import greatest

FLOATS = st.floats(width=32, allow_nan=False)


def test_by_hand() -> None:
    assert greatest(np.array([-3, -1.5, -2], np.float32)) == -1.5
    assert greatest(np.array([-math.inf], np.float32)) == -math.inf
    assert math.isnan(greatest(np.array([1, math.nan, 2], np.float32)))
    assert greatest(np.array([1, -math.nan, 2], np.float32)) == 2


@settings(deadline=None)
@given(st.lists(FLOATS, min_size=1, max_size=300))
def test_as_numpy(numbers: list[float]) -> None:
    given = np.array(numbers, np.float32)
    assert greatest(given) == given.max()


@pytest.mark.parametrize("count", [1, 15, 64, 1001])
def test_of_bf16(count: int) -> None:
    numbers = torch.randn(count, generator=torch.Generator().manual_seed(count)).bfloat16()
    assert greatest(numbers.view(torch.int16).numpy()) == numbers.max()
