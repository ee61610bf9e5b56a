from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from bertwright.execution.compilation import compiled, kernels_digest


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


SCRIPT = """
import os, sys
from pathlib import Path
folder = Path.cwd()
sys.path.insert(0, str(folder))
import outer
print(outer.outer(1), sum(outer.outer.stats.cache_hits.values()))
"""
INNER = (
    "from bertwright.execution.compilation import compiled\n\n@compiled\ndef inner(x):\n    return x + {}\n"
)
OUTER = (
    INNER.replace("inner", "outer")
    .replace("x + {}", "inner(x)")
    .replace("\n\n", "\nfrom inner import inner\n\n")
)


def test_kept_code_follows_the_kernels_of_other_files(tmp_path: Path) -> None:
    def run() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    (tmp_path / "inner.py").write_text(INNER.format(1))
    (tmp_path / "outer.py").write_text(OUTER)
    assert run() == ["2", "0"]
    assert run() == ["2", "1"]
    (tmp_path / "inner.py").write_text(INNER.format(10))
    assert run() == ["11", "0"]


def test_files_without_kernels_do_not_count(tmp_path: Path) -> None:
    before = kernels_digest(tmp_path)
    (tmp_path / "settings.py").write_text("X = 1\n")
    kernels_digest.cache_clear()
    assert kernels_digest(tmp_path) == before
    (tmp_path / "kernel.py").write_text(INNER.format(1))
    kernels_digest.cache_clear()
    assert kernels_digest(tmp_path) != before
