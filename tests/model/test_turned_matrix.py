"""Matrices turned round: every number is where it belongs, whatever the shape and the threads."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.execution.threads import computing_with
from bertwright.model import turned_matrix as module
from bertwright.model.turned_matrix import turned


@settings(deadline=None)
@given(st.integers(0, 70), st.integers(0, 70))
def test_any_shape(rows: int, columns: int) -> None:
    matrix = torch.arange(rows * columns, dtype=torch.float32).view(rows, columns)
    result = turned(matrix)
    assert result.is_contiguous()
    assert torch.equal(result, matrix.t())


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST", 1)
    matrix = torch.randn(37, 101)
    with computing_with(threads):
        assert torch.equal(turned(matrix), matrix.t())
