"""The files of a folder that others may have made: opened only where they really lie inside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bertwright.errors import InputError

_NAME_BYTES = 255
"""Of a file's name, on every file system in use."""


def check_name(name: str, where: str | Path, error: type[InputError] = InputError) -> None:
    """Refuse anything that is not the plain name of a file inside ``where``.

    Raises:
        error: empty, ``.`` or ``..``, longer than 255 bytes, or with a separator or an unprintable character.
    """
    if not name or name in (".", "..") or "/" in name or "\\" in name or not name.isprintable():
        raise error.at(where, "a plain file name", name)
    if len(name.encode()) > _NAME_BYTES:
        raise error.at(where, f"a file name of at most {_NAME_BYTES} bytes", name)


def check_member(name: str, where: str | Path, error: type[InputError] = InputError) -> None:
    """Refuse anything that is not a file inside ``where``: its plain name, or ``FOLDER/NAME``.

    Raises:
        error: more than one folder, or a part that :func:`check_name` refuses.
    """
    parts = name.split("/")
    if len(parts) > 2:
        raise error.at(where, "a plain file name, or one in one folder", name)
    for part in parts:
        check_name(part, where, error)


def member(folder: Path, name: str, error: type[InputError] = InputError) -> Path:
    """The path of the file ``name`` of ``folder``, also ``FOLDER/NAME``.

    A link may lead to another place inside the folder, or, in the layout of a Hugging Face cache
    (``snapshots/REVISION`` beside ``blobs``), to a blob of the same model.

    Raises:
        error: the name is none, nothing is there, it is no regular file, or a link leads elsewhere.
    """
    check_member(name, folder, error)
    path = folder / name
    try:
        if path.parent != folder and path.parent.is_symlink():
            raise error.at(path.parent, "a folder inside", f"a link to {os.readlink(path.parent)}")
        if path.is_symlink() and not _stays_inside(path, folder):
            raise error.at(path, "a file inside the folder", f"a link to {os.readlink(path)}")
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise error.at(path, "a file", "nothing there") from None
    except OSError as problem:
        raise error.at(path, "a readable file", problem.strerror) from None
    if not stat.S_ISREG(mode):
        raise error.at(path, "a regular file", "a directory" if stat.S_ISDIR(mode) else "a special file")
    return path


def _stays_inside(path: Path, folder: Path) -> bool:
    target, home = (Path(os.path.realpath(place)) for place in (path, folder))
    snapshots = [place for place in list(home.parents)[:2] if place.name == "snapshots"]
    cached = any(target.parent == place.parent / "blobs" for place in snapshots)
    return cached or home in target.parents
