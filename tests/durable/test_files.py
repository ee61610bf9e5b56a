"""Single files, locks and logs."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bertwright import durable
from bertwright.durable import files
from bertwright.durable.abandoned import temporary_beside
from bertwright.errors import DiskError, OutputBusyError, OutputExistsError, UsageError


def test_write_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    durable.write_file(path, "é")
    assert path.read_bytes() == "é".encode()
    with pytest.raises(OutputExistsError):
        durable.write_file(path, "other")
    durable.write_file(path, b"other", overwrite=True)
    assert path.read_bytes() == b"other"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    with pytest.raises(UsageError, match="NUL"):
        durable.write_file(str(tmp_path / "a\0b"), b"")


def test_open_new_leaves_nothing_behind_an_exception(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), durable.open_new(tmp_path / "x") as file:
        file.write(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with durable.open_new(tmp_path / "x") as file:
        file.write(b"whole")
    assert (tmp_path / "x").read_bytes() == b"whole"


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="ENOSPC") as caught, durable.open_new(tmp_path / "x") as file:
        raise OSError(28, os.strerror(28))
        file.write(b"")
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_directory_whose_name_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is there: whoever made it may have been killed before its name was."""
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_directory", synced.append)
    for _ in range(2):
        durable.make_directory(tmp_path / "x")
    assert (tmp_path / "x").is_dir()
    assert synced == [tmp_path, tmp_path]
    with pytest.raises(DiskError, match=r"absent/y: cannot create: ENOENT"):
        durable.make_directory(tmp_path / "absent/y")


HOLDER = """
import sys, time
sys.path.insert(0, {source!r})
from bertwright import durable
with durable.lock({target!r}):
    print("held", flush=True)
    time.sleep(60)
"""


def test_lock_names_a_live_owner_and_outlives_a_dead_one(tmp_path: Path) -> None:
    source = str(Path(__file__).resolve().parents[2] / "src")
    script = HOLDER.format(source=source, target=str(tmp_path / "run"))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OutputBusyError, match=str(holder.pid)), durable.lock(tmp_path / "run"):
            pass
        holder.kill()
        holder.wait()
    time.sleep(0.05)
    with durable.lock(tmp_path / "run"):
        assert (tmp_path / ".run.lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_has_no_room_for_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DiskError, match=r"\.run\.lock: cannot lock: ENOSPC"), durable.lock(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the block ended is what is told, and the output is free again."""

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with (
        monkeypatch.context() as patch,
        pytest.raises(RuntimeError, match="of the block"),
        durable.lock(tmp_path / "run"),
    ):
        patch.setattr(Path, "unlink", read_only)
        raise RuntimeError("of the block")
    assert (tmp_path / ".run.lock").exists()
    with durable.lock(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_log_keeps_whole_lines_only(tmp_path: Path) -> None:
    log = durable.LogFile(tmp_path / "metrics.jsonl")
    for step in range(5):
        log.append({"step": step})
    log.close()
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 5')  # the writer was killed here
    assert [record["step"] for record in log.records()] == [0, 1, 2, 3, 4]
    log.keep_first(3)
    log.append({"step": 3})
    log.close()
    assert [record["step"] for record in log.records()] == [0, 1, 2, 3]


@pytest.mark.parametrize("links", [True, False])
def test_what_appears_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    def without(_source: Path, _target: Path) -> None:
        raise PermissionError(1, os.strerror(1))

    if not links:
        monkeypatch.setattr(os, "link", without)
    path = tmp_path / "x"
    with pytest.raises(OutputExistsError), durable.open_new(path) as file:
        file.write(b"ours")
        path.write_bytes(b"theirs")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("x", b"theirs")]
    durable.write_file(tmp_path / "y", b"ours")
    with durable.open_new(path, overwrite=True) as file:
        file.write(b"ours")
    assert sorted((p.name, p.read_bytes()) for p in tmp_path.iterdir()) == [("x", b"ours"), ("y", b"ours")]


def test_the_remains_of_a_process_with_the_same_number(tmp_path: Path) -> None:
    for name in "xy":
        temporary_beside(tmp_path / name).write_bytes(b"half")
    durable.write_file(tmp_path / "x", b"whole")
    with durable.open_new(tmp_path / "y") as file:
        file.write(b"whole")
    assert sorted((p.name, p.read_bytes()) for p in tmp_path.iterdir()) == [("x", b"whole"), ("y", b"whole")]


def test_errors_about_something_else_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"), durable.open_new(tmp_path / "x"):
        (tmp_path / "absent").read_bytes()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["directory", "pipe", "link to a directory"])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path)
    with pytest.raises(OutputExistsError, match="which no file replaces"):
        durable.check_new_file(path, overwrite=True)
    with pytest.raises(OutputExistsError, match="which no file replaces"):
        durable.write_file(path, b"", overwrite=True)
    with (
        pytest.raises(OutputExistsError, match="which no file replaces"),
        durable.open_new(path, overwrite=True),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
