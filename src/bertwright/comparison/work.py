"""The work folder of a comparison: finished parts by what they depend on.

A part (a pre-training, a fine-tuning) is known by a digest of everything its result depends on. Going on with
other tasks, seeds or rows therefore does what is new and keeps what is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bertwright import __version__, strict_json
from bertwright.durable import UnfinishedWork

_LOG = "parts.jsonl"


class Work:
    """The parts that are done.

    Args:
        output: of the comparison; the work stands in ``OUTPUT.partial``.
        kind: which comparison.
        text: what the text is known by.

    Attributes:
        directory: where parts have their folders.
    """

    def __init__(self, output: Path, kind: str, text: Mapping[str, Any]) -> None:
        request = {"version": __version__, "comparison": kind, "text": dict(text)}
        self._work = UnfinishedWork(output, request, _LOG)
        self._done: dict[str, dict[str, Any]] = {}
        self.directory = self._work.directory

    @contextmanager
    def held(self, *, resume: bool, overwrite: bool) -> Iterator[None]:
        """As :meth:`UnfinishedWork.held`."""
        with self._work.held(resume=resume, overwrite=overwrite, worth_keeping=self._has_work):
            self._done = {record["key"]: record for record in self._work.records}
            yield

    @property
    def earlier_seconds(self) -> float:
        """What earlier processes spent on it."""
        return self._work.earlier_seconds

    def find(self, key: str) -> dict[str, Any] | None:
        """The record of a part, None while it is not finished."""
        return self._done.get(key)

    def record(self, key: str) -> dict[str, Any]:
        """The record of a part that is finished."""
        return self._done[key]

    def add(self, key: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """A part is finished: its files are on the disk.

        Raises:
            DiskError: the file system refused.
        """
        stored = {"key": key, **record}
        self._work.add(stored)
        self._done[key] = stored
        return stored

    def folder(self, part: str, key: str) -> Path:
        """The place of a part's files, which may not be there yet."""
        return self.directory / part / key

    def _has_work(self) -> bool:
        return bool(self._done) or any(self.directory.glob("*/*"))


def key_of(name: str, *depends: Any) -> str:
    """The key of a part: its name, for people, and a digest of what it depends on (JSON values)."""
    text = strict_json.dump([__version__, *depends])
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
