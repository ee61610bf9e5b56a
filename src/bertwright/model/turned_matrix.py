"""Matrices turned round on all cores: PyTorch copies a transposed matrix with one, a number at a time.

Axes: M rows, N columns.
"""

from __future__ import annotations

from torch import Tensor

from bertwright.execution.threads import worthwhile_threads

_LEAST = 1 << 15
"""Numbers for which another thread does not cost more than it does."""


def turned(matrix: Tensor) -> Tensor:
    """(M, N) float32 on the CPU -> its transpose (N, M), contiguous."""
    from bertwright.execution.vectors import turn_in_team  # compiled, which only training waits for

    rows, columns = matrix.shape
    result = matrix.new_empty(columns, rows)
    numbers, into = matrix.detach().contiguous().view(-1).numpy(), result.view(-1).numpy()
    turn_in_team((numbers, rows, columns, into), worthwhile_threads(matrix.numel(), _LEAST))
    return result
