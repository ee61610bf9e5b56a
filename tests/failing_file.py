"""A file on a disk that fails."""

from __future__ import annotations

import errno
import io
import os
from typing import Any


class FailingFile(io.FileIO):
    """Its reads fail behind the first :attr:`left`."""

    left = 3

    def read(self, size: int | None = -1) -> bytes | None:
        self._count()
        return super().read(size)

    def readinto(self, buffer: Any) -> int | None:
        self._count()
        return super().readinto(buffer)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
