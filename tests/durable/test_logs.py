"""A line of a log is whole or absent, whatever the disk does."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bertwright import durable
from bertwright.errors import DiskError


class Disk:
    """A file that takes 7 bytes at a time, and no more than ``room`` in all."""

    def __init__(self, file: Any, room: int) -> None:
        self.file, self.room = file, room

    def write(self, data: memoryview) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = self.file.write(data[: min(7, self.room)])
        self.room -= count
        return int(count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def test_short_writes_are_continued(tmp_path: Path) -> None:
    log = durable.LogFile(tmp_path / "log.jsonl")
    log.append({"step": 1})
    log._file = Disk(log._file, 10**6)
    log.append({"step": 2, "text": "a longer line than fits at once"})
    assert [record["step"] for record in log.records()] == [1, 2]
    log.close()


def test_a_line_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    log = durable.LogFile(tmp_path / "log.jsonl")
    log.append({"step": 1})
    before = log.path.read_bytes()
    log._file = disk = Disk(log._file, 20)
    with pytest.raises(DiskError, match="ENOSPC"):
        log.append({"step": 2, "text": "a longer line than fits at all"})
    assert log.path.read_bytes() == before
    disk.room = 10**6
    log.append({"step": 3})
    assert [record["step"] for record in log.records()] == [1, 3]
    log.close()


def test_what_comes_after_the_first_lines_is_not_looked_at(tmp_path: Path) -> None:
    log = durable.LogFile(tmp_path / "log.jsonl")
    log.path.write_bytes(b'{"step": 1}\n{"step": 2}\n{"st{"step": 3}\n\xff\n')
    log.keep_first(2)
    assert [record["step"] for record in log.records()] == [1, 2]
