"""Products of whole numbers are exact, on whatever processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bertwright.model.int8 import products
from bertwright.model.int8.products import Int8Linear, exact_products
from bertwright.model.int8.rounding import WEIGHT_RANGE


def linear(inputs: int, outputs: int, draw: np.random.Generator) -> Int8Linear:
    layer = nn.Linear(inputs, outputs)
    layer.weight.data = torch.from_numpy(draw.normal(size=(outputs, inputs)).astype(np.float32))
    return Int8Linear(layer)


@pytest.mark.parametrize("instructions", [True, False])
@given(st.integers(0, 33), st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_equal_whole_numbers(instructions: bool, rows: int, inputs: int, outputs: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    layer, numbers = linear(inputs, outputs, draw), draw.integers(-127, 128, (rows, inputs), dtype=np.int8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "multiplies_bytes", lambda: instructions)
        found = layer.products(numbers)
    assert found.dtype == np.int32
    assert np.array_equal(found, numbers.astype(np.int64) @ layer.weight.numpy().astype(np.int64).T)


@pytest.mark.parametrize("inputs", [2064, 2065, 5000])
def test_the_largest_sums_stay_exact(inputs: int) -> None:
    rows = torch.full((2, inputs), 127, dtype=torch.int8)
    rows[1, ::2] = -126
    weight = torch.full((3, inputs), WEIGHT_RANGE, dtype=torch.int8)
    weight[2, 0] = 1
    found = torch.empty(2, 3, dtype=torch.int32)
    exact_products(rows, weight, found)
    assert torch.equal(found.long(), rows.long() @ weight.long().t())


def test_processors_are_told_by_their_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, expected in (({"avx512_vnni": True}, True), ({"avx2": True}, False), ({}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flags=flags: flags)
        products.multiplies_bytes.cache_clear()
        assert products.multiplies_bytes() == expected
    products.multiplies_bytes.cache_clear()
