"""Measurements kept as JSON lines, so that a long benchmark goes on behind the last, and shown."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bertwright import __version__

Record = dict[str, Any]


class Records:
    """What is measured so far for one request, by the values of ``keys``.

    The first line of the file is the request: what all its measurements depend on besides their keys. A file
    of another request ends the benchmark: its figures would stand beside the new ones as if they were of it.

    Args:
        path: the file, made if it is not there; None to keep nothing.
        keys: what a record is known by.
        request: plain JSON values.
    """

    def __init__(self, path: Path | None, keys: Sequence[str], request: Mapping[str, Any]) -> None:
        self._path, self._keys = path, tuple(keys)
        self.found: dict[tuple[Any, ...], Record] = {}
        if path is None:
            return
        head = {"request": {"bertwright": __version__, **json.loads(json.dumps(request))}}
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if not lines:
            self._write(head)
            return
        first, *records = map(json.loads, lines)
        if first != head:
            raise SystemExit(f"error: {path}: {_difference(first.get('request'), head['request'])}")
        self.found = {self._key(record): record for record in records}

    def add(self, record: Record) -> None:
        """One more, behind the others."""
        self.found[self._key(record)] = record
        if self._path is not None:
            self._write(record)

    def _key(self, record: Record) -> tuple[Any, ...]:
        return tuple(record[key] for key in self._keys)

    def _write(self, record: Record) -> None:
        assert self._path is not None
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _difference(stored: Mapping[str, Any] | None, asked: Mapping[str, Any]) -> str:
    hint = "measure that again, or choose another output"
    if stored is None:
        return f"expected the request of its measurements in the first line, got none ({hint})"
    names = sorted(name for name in {*stored, *asked} if stored.get(name) != asked.get(name))
    changes = (f"{name} {json.dumps(stored.get(name))}, not {json.dumps(asked.get(name))}" for name in names)
    return f"its measurements are of {'; '.join(changes)} ({hint})"


def mean_and_deviation(values: Sequence[float]) -> str:
    """Over the seeds, for people."""
    deviation = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{deviation}"
