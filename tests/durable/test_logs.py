"""A line of a log is whole or absent, whatever the disk does."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bertwright import durable
from bertwright.durable import logs
from bertwright.errors import DiskError, InputError


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


@pytest.mark.parametrize("line", ["[]", "1", "null"])
def test_a_line_that_is_no_object(line: str, tmp_path: Path) -> None:
    log = durable.LogFile(tmp_path / "log.jsonl")
    log.path.write_text('{"step": 1}\n' + line + "\n")
    with pytest.raises(InputError, match=r"log\.jsonl:2: expected an object"):
        list(log.records())


def test_what_comes_after_the_first_lines_is_not_looked_at(tmp_path: Path) -> None:
    log = durable.LogFile(tmp_path / "log.jsonl")
    log.path.write_bytes(b'{"step": 1}\n{"step": 2}\n{"st{"step": 3}\n\xff\n')
    log.keep_first(2)
    assert [record["step"] for record in log.records()] == [1, 2]


def test_a_damaged_line_stays_what_it_is(tmp_path: Path) -> None:
    log = durable.LogFile(tmp_path / "log.jsonl")
    log.path.write_bytes(b'{"step": 1}\n{"st\xffp": 2}\n{"step": 3}\n')
    log.keep_first(2)
    assert log.path.read_bytes() == b'{"step": 1}\n{"st\xffp": 2}\n'


@pytest.mark.parametrize("block", [1, 7, 1 << 16])
@pytest.mark.parametrize("torn", ["", '{"st', '{"step": 2}', "x" * 100])
@pytest.mark.parametrize("lines", [0, 1, 3])
def test_what_was_torn_is_cut_off(
    tmp_path: Path, block: int, torn: str, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer was killed in the middle of a line; the next one does not know it."""
    monkeypatch.setattr(logs, "_BLOCK_BYTES", block)
    path = tmp_path / "log.jsonl"
    whole = "".join(f'{{"step": {step}}}\n' for step in range(lines))
    path.write_text(whole + torn)
    log = durable.LogFile(path)
    log.append({"step": "next"})
    log.append({"step": "last"})
    log.close()
    assert path.read_text() == whole + '{"step": "next"}\n{"step": "last"}\n'


def test_the_name_of_a_new_log_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(logs, "sync_directory", synced.append)
    log = durable.LogFile(tmp_path / "log.jsonl")
    log.append({"step": 1})
    log.close()
    log.append({"step": 2})
    log.close()
    assert synced == [tmp_path]


def test_what_is_appended_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bound holds for both, and it is far above one MiB."""
    log = durable.LogFile(tmp_path / "log.jsonl")
    large = {"text": "x" * (3 << 20)}
    log.append(large)
    assert list(log.records()) == [large]
    monkeypatch.setattr(logs, "_LINE_BYTES", 100)
    before = log.path.read_bytes()
    for extra in range(60, 120):
        record = {"text": "x" * extra}
        try:
            log.append(record)
        except InputError as problem:
            assert "log.jsonl: expected at most" in problem.message
    log.close()
    log.path.write_bytes(log.path.read_bytes()[len(before) :])
    assert len(list(log.records())) == 29
