"""Single files that appear whole or not at all, and the questions to ask before any work."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from bertwright.durable.abandoned import remove_abandoned, remove_stale, temporary_beside
from bertwright.errors import DiskError, OutputExistsError, UsageError, shown_path

_ROOM = 1.1  # ask for a tenth more than needed: directories and journals take their share
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EFBIG})
_NO_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}
)


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


def write_file(path: str | Path, data: bytes | str, *, overwrite: bool = False) -> None:
    """Write ``data`` (text as UTF-8) to ``path``, whole or not at all.

    Raises:
        OutputExistsError: ``path`` exists, or appears meanwhile, and ``overwrite`` is false or it is no file.
        DiskError: the file system refused; what was at ``path`` before is untouched.
    """
    target = Path(path)
    check_new_file(target, overwrite)
    payload = data.encode() if isinstance(data, str) else data
    check_free_space(target, len(payload))
    temporary = temporary_beside(target)
    with reported(target, "write"):
        remove_abandoned(target)
        remove_stale(temporary)
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
    temporary = temporary_beside(target)
    with reported(target, "write"):
        remove_abandoned(target)
        remove_stale(temporary)
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
    if problem.filename is None:
        return problem.errno in _DISK_ERRORS
    if isinstance(problem.filename, int):
        return False
    return Path(os.fsdecode(problem.filename)).absolute().is_relative_to(temporary)


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
                os.close(self._descriptor)
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


def free_bytes(path: Path) -> int | None:
    """Free space where ``path`` is or will be, or None when it cannot be told."""
    with suppress(OSError):
        return shutil.disk_usage(_existing_parent(path)).free
    return None


@contextmanager
def reported(path: Path, doing: str) -> Iterator[None]:
    """Turn an ``OSError`` into a :class:`DiskError` that names ``path`` and what was being done."""
    try:
        yield
    except OSError as problem:
        raise DiskError.of(path, problem, doing=doing, free=free_bytes(path)) from problem


def _existing_parent(path: Path) -> Path:
    folder = path.absolute()
    while not folder.is_dir():
        folder = folder.parent
    return folder
