"""The public names: listed once, sorted, lazy, and where they are said to be."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bertwright

HEAVY = ("torch", "numpy", "pyarrow", "numba", "tokenizers", "sklearn", "matplotlib", "pydantic")


def test_names() -> None:
    assert sorted(bertwright.__all__) == bertwright.__all__
    assert set(bertwright.__all__) == set(bertwright._HOME)
    for name in bertwright.__all__:
        value = getattr(bertwright, name)
        assert value.__name__ == name
        assert value.__doc__


def test_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"fine_tune.*it has .*finetune"):
        bertwright.fine_tune  # noqa: B018


def test_import_is_light() -> None:
    code = f"import sys, bertwright; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
