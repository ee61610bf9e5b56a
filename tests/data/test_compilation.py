from __future__ import annotations

from typing import Any

import numba
import pytest

from bertwright.data.compilation import compiled


def add(a: int, b: int) -> int:
    return a + b


def test_kernels_run() -> None:
    assert compiled(add)(2, 3) == 5


def test_without_a_place_for_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only installation and no home directory: numba refuses the cache, the kernel works."""
    real, asked = numba.njit, []

    def refusing(function: Any, **options: Any) -> Any:
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'add': no locator available")
        return real(function, **options)

    monkeypatch.setattr(numba, "njit", refusing)
    assert compiled(add)(2, 3) == 5
    assert asked == [{"nogil": True, "cache": True}, {"nogil": True}]
