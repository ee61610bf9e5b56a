"""Measurements kept as JSON lines, so that a long benchmark goes on behind the last, and shown."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def read(path: Path, *keys: str) -> dict[tuple[Any, ...], Record]:
    """What is measured so far, by the values of ``keys``; nothing where there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {tuple(record[key] for key in keys): record for record in map(json.loads, lines)}


def append(path: Path, record: Record) -> None:
    """One more, behind the others."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")


def mean_and_deviation(values: Sequence[float]) -> str:
    """Over the seeds, for people."""
    deviation = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{deviation}"
