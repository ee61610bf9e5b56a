"""What killed processes leave goes when the same output is written again, and nothing else does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bertwright import durable
from bertwright.durable.abandoned import aside_of, remove_abandoned, temporary_beside


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def of(process: int, path: Path, machine: int = 0) -> Path:
    """``path`` as another process would call it, or one of another machine."""
    name, number = re.fullmatch(rf"(.*-){os.getpid()}(\d{{10}})", path.name).groups()  # type: ignore[union-attr]
    return path.with_name(f"{name}{process}{(int(number) + machine) % 10**10:010d}")


def write(target: Path, way: str) -> None:
    if way == "directory":
        with durable.NewDirectory(target, kind="x") as new:
            new.write("a", b"1")
    elif way == "staged":
        with durable.StagedDirectory(target, kind="x") as staged:
            staged.path.mkdir()
            staged.publish()
    elif way == "file":
        durable.write_file(target, b"1")
    else:
        with durable.open_new(target) as file:
            file.write(b"1")


@pytest.mark.parametrize("way", ["directory", "staged", "file", "open file"])
def test_what_the_dead_left_goes(tmp_path: Path, way: str, dead: int) -> None:
    target = tmp_path / "out"
    left = of(dead, temporary_beside(target))
    if way in ("directory", "staged"):
        (left / "inner").mkdir(parents=True)
        (left / "inner" / "half").write_bytes(b"1")
    else:
        left.write_bytes(b"1")
    write(target, way)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_others_make_stays(tmp_path: Path, dead: int) -> None:
    target = tmp_path / "out"
    kept = {
        of(os.getppid(), temporary_beside(target)),  # a live process
        of(dead, temporary_beside(target), machine=1),
        of(dead, temporary_beside(tmp_path / "out-2")),
        of(dead, temporary_beside(tmp_path / "other")),
        tmp_path / ".tmp-out-12",
        tmp_path / ".tmp-out-mine",
        of(9 * 10**9, temporary_beside(target)),  # no number of a process
    }
    for path in kept:
        path.write_bytes(b"")
    write(target, "file")
    assert set(tmp_path.iterdir()) == kept | {target}


def test_what_was_put_aside_stays_while_it_is_all_there_is(tmp_path: Path, dead: int) -> None:
    target = tmp_path / "out"
    aside = of(dead, aside_of(target))
    aside.mkdir()
    remove_abandoned(target)
    assert aside.exists()
    target.mkdir()
    remove_abandoned(target)
    assert not aside.exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    remove_abandoned(tmp_path / "none" / "out")
