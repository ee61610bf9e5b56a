"""JSON lines that only grow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.durable.files import reported, write_file
from bertwright.durable.synced import sync_directory
from bertwright.errors import InputError

_LINE_BYTES = strict_json.OWN_BYTES
_BLOCK_BYTES = 1 << 16


@dataclass
class LogFile:
    """JSON lines that only grow; a line is whole or absent: what a killed writer left of one is cut off."""

    path: Path
    _file: Any = field(default=None, repr=False)

    def append(self, record: dict[str, Any]) -> None:
        """Add one line.

        Raises:
            InputError: it is larger than :meth:`records` reads; nothing was added.
            DiskError: nothing was added.
        """
        line = memoryview((strict_json.dump_for(self.path, record, max_bytes=_LINE_BYTES) + "\n").encode())
        with reported(self.path, "append"):
            if self._file is None:
                self._file = self._opened()
            length = os.fstat(self._file.fileno()).st_size
            try:
                while line:  # a disk that fills up takes a part, and refuses the rest
                    line = line[self._file.write(line) :]
            except OSError:
                with suppress(OSError):
                    self._file.truncate(length)
                raise

    def sync(self) -> None:
        """Make sure that what was appended survives a power cut."""
        if self._file is not None:
            with reported(self.path, "sync"):
                os.fsync(self._file.fileno())

    def records(self) -> Iterator[dict[str, Any]]:
        """The lines; a torn last line (the writer was killed) is left out.

        Raises:
            InputError: a line is no JSON, or no object.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    record = strict_json.parse(line[:-1], self.path, line=number, max_bytes=_LINE_BYTES)
                    if not isinstance(record, dict):
                        raise InputError.at(self.path, "an object", record, line=number)
                    yield record

    def keep_first(self, count: int) -> None:
        """Rewrite the log with its first ``count`` lines only, before a resumed run goes on.

        They stay as they are: they decide nothing, and a damaged one is no reason to stop.
        """
        self.close()
        lines: list[bytes] = []
        if self.path.exists():
            with self.path.open("rb") as file:
                lines = [line for line in islice(file, count) if line.endswith(b"\n")]
        write_file(self.path, b"".join(lines), overwrite=True)

    def close(self) -> None:
        """Sync and close."""
        if self._file is not None:
            self.sync()
            self._file.close()
            self._file = None

    def _opened(self) -> Any:
        """The file, to be appended to: it ends where its last whole line does."""
        new = not self.path.exists()
        file = self.path.open("a+b", buffering=0)
        try:
            end = _end_of_lines(file.fileno())
            if end < os.fstat(file.fileno()).st_size:
                file.truncate(end)
            if new:
                sync_directory(self.path.absolute().parent)
        except OSError:
            file.close()
            raise
        return file


def _end_of_lines(descriptor: int) -> int:
    """Behind the last line break."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _BLOCK_BYTES)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
