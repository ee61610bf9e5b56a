"""JSON lines that only grow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.durable.files import reported, write_file


@dataclass
class LogFile:
    """JSON lines that only grow; a line is whole or absent."""

    path: Path
    _file: Any = field(default=None, repr=False)

    def append(self, record: dict[str, Any]) -> None:
        """Add one line.

        Raises:
            DiskError: nothing was added.
        """
        line = memoryview((strict_json.dump(record) + "\n").encode())
        with reported(self.path, "append"):
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
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
        """The lines; a torn last line (the writer was killed) is left out."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield strict_json.parse(line, self.path, line=number)

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Rewrite the log with the wanted records only (before a resumed run goes on)."""
        self.close()
        lines = [strict_json.dump(record) + "\n" for record in self.records() if wanted(record)]
        write_file(self.path, "".join(lines), overwrite=True)

    def keep_first(self, count: int) -> None:
        """Rewrite the log with its first ``count`` lines only; what comes after them is not looked at."""
        self.close()
        lines = [strict_json.dump(record) + "\n" for record in islice(self.records(), count)]
        write_file(self.path, "".join(lines), overwrite=True)

    def close(self) -> None:
        """Sync and close."""
        if self._file is not None:
            self.sync()
            self._file.close()
            self._file = None
