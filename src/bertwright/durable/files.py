"""Single files that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from bertwright.durable.abandoned import cleared_temporary
from bertwright.durable.questions import check_free_space, check_new_file, free_bytes
from bertwright.durable.synced import HashedFile, sync_directory, write_synced
from bertwright.errors import DiskError, OutputExistsError

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EFBIG})
_NO_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}
)


def write_file(path: str | Path, data: bytes | str, *, overwrite: bool = False) -> None:
    """Write ``data`` (text as UTF-8) to ``path``, whole or not at all.

    Raises:
        OutputExistsError: ``path`` exists, or appears meanwhile, and ``overwrite`` is false or it is no file.
        DiskError: the file system refused; what was at ``path`` before is untouched, unless only the last
            sync, that of the folder, failed: the new file is there then, and a power cut may take it back.
    """
    target = Path(path)
    check_new_file(target, overwrite)
    payload = data.encode() if isinstance(data, str) else data
    check_free_space(target, len(payload))
    with reported(target, "write"):
        temporary = cleared_temporary(target)
        try:
            write_synced(temporary, payload)
            _move_into_place(temporary, target, overwrite)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(target.absolute().parent)


@contextmanager
def open_new(path: str | Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """A binary file that appears at ``path`` when the block ends well, and leaves nothing otherwise.

    Raises:
        OutputExistsError, DiskError: as :func:`write_file`; an ``OSError`` of the block that is about
            something else stays what it is.
    """
    target = Path(path)
    check_new_file(target, overwrite)
    with reported(target, "write"):
        temporary = cleared_temporary(target)
        file = HashedFile(temporary)
    try:
        try:
            with file:
                yield cast(BinaryIO, file)
        except OSError as problem:
            if not concerns(problem, temporary):
                raise
            raise DiskError.of(target, problem, free=free_bytes(target)) from problem
        with reported(target, "write"):
            _move_into_place(temporary, target, overwrite)
            sync_directory(target.absolute().parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def link(source: Path, target: Path) -> bool:
    """Let ``target`` be another name of the file ``source``; False where the file system has no links.

    Raises:
        OSError: anything else, such as a ``target`` that exists.
    """
    try:
        os.link(source, target)
    except OSError as problem:
        if problem.errno in _NO_LINKS:
            return False
        raise
    return True


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        DiskError: it cannot be read.
    """
    with reported(path, "read"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(path: Path) -> dict[str, Any]:
    """What tells a file from another or a later one without reading it: size and time of change."""
    status = os.stat(path)
    return {"bytes": status.st_size, "modified": status.st_mtime_ns}


def concerns(problem: OSError, temporary: Path) -> bool:
    """Whether ``problem`` is about ``temporary`` or what is in it, rather than another file or a socket."""
    names = [name for name in (problem.filename, problem.filename2) if name is not None]
    if not names:
        return problem.errno in _DISK_ERRORS
    return any(
        Path(os.fsdecode(name)).absolute().is_relative_to(temporary)
        for name in names
        if not isinstance(name, int)
    )


def _move_into_place(temporary: Path, target: Path, overwrite: bool) -> None:
    """Rename; without ``overwrite`` in a way that fails if ``target`` has appeared meanwhile."""
    if overwrite:
        os.rename(temporary, target)
        return
    try:
        linked = link(temporary, target)
    except FileExistsError:
        raise OutputExistsError(target) from None
    if linked:
        temporary.unlink()
    elif os.path.lexists(target):  # without links a moment remains between this and the next line
        raise OutputExistsError(target)
    else:
        os.rename(temporary, target)


def make_directory(path: Path) -> None:
    """A directory, if it is not there, whose name is on the disk with what will be written in it.

    Raises:
        DiskError: the file system refused.
    """
    with reported(path, "create"):
        path.mkdir(exist_ok=True)
        sync_directory(path.absolute().parent)


@contextmanager
def reported(path: Path, doing: str) -> Iterator[None]:
    """Turn an ``OSError`` into a :class:`DiskError` that names ``path`` and what was being done."""
    try:
        yield
    except OSError as problem:
        raise DiskError.of(path, problem, doing=doing, free=free_bytes(path)) from problem
