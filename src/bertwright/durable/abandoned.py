"""Names for what is being made, and the end of what killed processes left under such names."""

from __future__ import annotations

import os
import re
import shutil
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

_NUMBER = re.compile(r"([0-9]{1,10})([0-9]{10})")
"""Of a process, and of the machine that it is one of."""


def temporary_beside(target: Path) -> Path:
    """Where this process makes what will be ``target``: a name that no other process has.

    Machines that share the folder count their processes each for itself, so the name of this one is part of
    the number.
    """
    return _beside(target, "tmp")


def cleared_temporary(target: Path) -> Path:
    """:func:`temporary_beside`, with nothing there: whatever killed processes left of ``target`` goes."""
    temporary = temporary_beside(target)
    remove_abandoned(target)
    remove_stale(temporary)
    return temporary


def aside_of(target: Path) -> Path:
    """Where this process puts what is at ``target`` while something else takes its place."""
    return _beside(target, "old")


def remove_stale(temporary: Path) -> None:
    """Remove what a killed process with this process's number left (numbers come again in containers)."""
    if temporary.is_dir() and not temporary.is_symlink():
        shutil.rmtree(temporary)
    else:
        temporary.unlink(missing_ok=True)


def remove_abandoned(target: Path) -> None:
    """Remove what processes of this machine that are gone left while they made ``target``.

    What cannot be removed now is removed another time.
    """
    left = _left("tmp", target)
    if os.path.lexists(target):  # else the old one is all there is
        left += _left("old", target)
    for path in left:
        with suppress(OSError):
            remove_stale(path)


def restore(target: Path) -> None:
    """Put back what was at ``target`` if a process was killed between taking it away and replacing it."""
    if os.path.lexists(target):
        return
    for path in _left("old", target)[:1]:
        with suppress(OSError):
            os.rename(path, target)


def _beside(target: Path, kind: str) -> Path:
    return target.absolute().parent / f".{kind}-{target.name}-{os.getpid()}{_machine():010d}"


@cache
def _machine() -> int:
    """A number of this machine, or of the container that counts its processes by itself."""
    name = socket.gethostname()
    with suppress(OSError):  # Linux alone has it
        name += os.readlink("/proc/self/ns/pid")
    return zlib.crc32(name.encode(errors="surrogateescape"))


def _left(kind: str, target: Path) -> list[Path]:
    with suppress(OSError, ValueError):  # a folder that cannot be listed, or a path that cannot be one
        return sorted(_of_dead_processes(kind, target))
    return []


def _of_dead_processes(kind: str, target: Path) -> Iterator[Path]:
    prefix = f".{kind}-{target.name}-"
    folder = target.absolute().parent
    for name in os.listdir(folder):
        number = _NUMBER.fullmatch(name, len(prefix)) if name.startswith(prefix) else None
        if number and int(number[2]) == _machine() and not _lives(int(number[1])):
            yield folder / name


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's, or no number of a process
        return True
    return True
