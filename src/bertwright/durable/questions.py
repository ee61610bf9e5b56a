"""The questions to ask before any work: whether there is a place for an output, and room for it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from bertwright.errors import DiskError, InputError, OutputExistsError, UsageError, shown_path

_ROOM = 1.1  # ask for a tenth more than needed: directories and journals take their share


def check_place(path: str | Path) -> None:
    """Refuse an output for which there is no place.

    Raises:
        UsageError: its parent is missing or not a directory, or the path cannot be a path.
    """
    target = Path(path)
    if "\0" in str(path):
        raise UsageError(f"{shown_path(path)}: a path cannot contain a NUL character")
    if not os.path.lexists(target) and not target.absolute().parent.is_dir():
        raise UsageError(f"{shown_path(target)}: its parent directory does not exist (create it first)")


def look_at(path: str | Path, error: type[InputError] = InputError) -> None:
    """Refuse an input that cannot be looked at, before its kind is asked for: ``Path.is_dir`` and the like
    raise for it what no caller expects. Where nothing is there is for the caller to tell.

    Raises:
        error: a name that is too long, a loop of links, a folder that may not be entered.
    """
    try:
        os.stat(os.path.join(path, "."))  # of a folder this asks, too, whether it may be entered
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return
    except OSError as problem:
        raise error.at(path, "a readable file or folder", problem.strerror) from None


def require_absent(path: str | Path, overwrite: bool) -> None:
    """Refuse an output that exists, unless ``overwrite``: only a part of the question whether it may be
    replaced, see :func:`check_new_file` and :func:`~bertwright.durable.replacement.check_new_directory`.

    Raises:
        OutputExistsError: it exists and ``overwrite`` is false.
        UsageError: see :func:`check_place`.
    """
    check_place(path)
    if not overwrite and os.path.lexists(path):
        raise OutputExistsError(path)


def check_new_file(path: str | Path, overwrite: bool) -> None:
    """Refuse what :func:`write_file` and :func:`open_new` would refuse: to be asked before long work begins.

    Raises:
        OutputExistsError: it exists, and ``overwrite`` is false or it is no file.
        UsageError: see :func:`check_place`.
    """
    require_absent(path, overwrite)
    target = Path(path)
    if target.exists() and not target.is_file():
        got = "a directory" if target.is_dir() else "a special file"
        raise OutputExistsError(target, f"it is {got}, which no file replaces: choose another output")


def is_within(path: str | Path, folder: str | Path) -> bool:
    """Whether ``path`` is ``folder`` or lies in it, by whatever names; False where one of them is nowhere."""
    if not Path(folder).exists() or "\0" in str(path):
        return False
    inner, outer = (Path(os.path.realpath(place)) for place in (path, folder))
    return outer in (inner, *inner.parents)


def same_place(path: str | Path, other: str | Path) -> bool:
    """Whether two paths lead to one place, whether or not anything is there."""
    return os.path.realpath(path) == os.path.realpath(other)  # Path.resolve raises for a loop of links


def require_elsewhere(output: str | Path, source: str | Path) -> None:
    """Refuse an output that is what is read, or a directory around it: replacing it would take that away.

    Args:
        output: the path to be written.
        source: a file or directory that is read; also a path that only begins the names of files.

    Raises:
        UsageError: they are the same, or ``source`` lies in ``output``.
    """
    if not is_within(source, output):
        return
    if is_within(output, source):
        raise UsageError.at(output, "an output other than what is read", "the same path")
    read = os.path.basename(os.path.realpath(source))
    hint = "it would be replaced with all that it holds: choose another output"
    raise UsageError.at(output, "an output that does not hold what is read", read, hint=hint)


def check_free_space(path: str | Path, needed_bytes: int) -> None:
    """Refuse to start writing ``needed_bytes`` under ``path`` where there is not room for them.

    Raises:
        DiskError: naming the path, the bytes needed and the bytes free.
    """
    folder = _existing_parent(Path(path))
    free = shutil.disk_usage(folder).free
    if free < needed_bytes * _ROOM:
        raise DiskError(
            f"{shown_path(path)}: not enough space: {needed_bytes:,} bytes needed, {free:,} bytes free"
        )


def free_bytes(path: Path) -> int | None:
    """Free space where ``path`` is or will be, or None when it cannot be told."""
    with suppress(OSError):
        return shutil.disk_usage(_existing_parent(path)).free
    return None


def _existing_parent(path: Path) -> Path:
    folder = path.absolute()
    while not folder.is_dir():
        folder = folder.parent
    return folder
