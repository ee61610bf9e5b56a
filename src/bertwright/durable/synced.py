"""Bytes and names that are on the disk when a call returns."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any


class HashedFile(io.RawIOBase):
    """A new file that is hashed while it is written, and synced when it is closed."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        written = 0
        while written < len(view):
            written += os.write(self._descriptor, view[written:])
        self._hash.update(view)
        self.size += len(view)
        return len(view)

    def tell(self) -> int:
        return self.size

    def close(self) -> None:
        if not self.closed:
            try:
                os.fsync(self._descriptor)
            finally:
                try:
                    os.close(self._descriptor)
                finally:  # the number is free even where that failed, and may be another file's by now
                    super().close()

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of all that was written."""
        return self._hash.hexdigest()


def write_synced(path: Path, payload: bytes) -> None:
    """Write a new file and wait until it is on the disk."""
    with HashedFile(path) as file:
        file.write(payload)


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
