"""The one module that writes what must survive: vocabularies, stores, checkpoints, models, predictions.

Protocol of a directory: check the free space; write every file under a temporary name beside the target,
hashing on the way; flush, fsync and close each; write the manifest (sizes, SHA-256, own digest) last; fsync
the directory; rename it to its final name; fsync the parent. A reader therefore finds the old state or the
new one, never a mixture, at whatever instant the writer was killed.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import io
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from bertwright import strict_json
from bertwright.errors import (
    DigestError,
    DiskError,
    InputError,
    OutputBusyError,
    OutputExistsError,
    UsageError,
    shown_path,
)
from bertwright.progress import Progress, Silent

MANIFEST = "manifest.json"
_MANIFEST_LIMIT = 64 << 20
_BLOCK = 1 << 20
_ROOM = 1.1  # ask for a tenth more than needed: directories and journals take their share
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


# -- questions before any work ------------------------------------------------------------------------------------


def require_absent(path: str | Path, overwrite: bool) -> None:
    """Refuse an output that exists (unless ``overwrite``) or whose parent does not.

    Raises:
        OutputExistsError: it exists and ``overwrite`` is false.
        UsageError: its parent is missing or not a directory, or the path cannot be a path.
    """
    target = Path(path)
    if "\0" in str(path):
        raise UsageError(f"{shown_path(path)}: a path cannot contain a NUL character")
    if os.path.lexists(target):
        if not overwrite:
            raise OutputExistsError(target)
    elif not target.absolute().parent.is_dir():
        raise UsageError(f"{shown_path(target)}: its parent directory does not exist (create it first)")


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


def _existing_parent(path: Path) -> Path:
    folder = path.absolute()
    while not folder.is_dir():
        folder = folder.parent
    return folder


# -- single files ---------------------------------------------------------------------------------------------------


def write_file(path: str | Path, data: bytes | str, *, overwrite: bool = False) -> None:
    """Write ``data`` (text as UTF-8) to ``path``, whole or not at all.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
        DiskError: the file system refused; what was at ``path`` before is untouched.
    """
    target = Path(path)
    require_absent(target, overwrite)
    payload = data.encode() if isinstance(data, str) else data
    check_free_space(target, len(payload))
    temporary = target.absolute().parent / f".tmp-{target.name}-{os.getpid()}"
    with _reported(target, "write"):
        try:
            _write_synced(temporary, payload)
            os.rename(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(target.absolute().parent)


@contextmanager
def open_new(path: str | Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """A binary file that appears at ``path`` when the block ends well, and leaves nothing when it does not."""
    target = Path(path)
    require_absent(target, overwrite)
    temporary = target.absolute().parent / f".tmp-{target.name}-{os.getpid()}"
    with _reported(target, "write"):
        try:
            with HashedFile(temporary) as file:
                yield cast(BinaryIO, file)
            os.rename(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(target.absolute().parent)


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


# -- directories ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Manifest:
    """What a finished directory says of itself."""

    path: Path
    """The directory."""
    kind: str
    """``"store"``, ``"model"``, ``"checkpoint"``, ``"vocabulary"`` …"""
    files: dict[str, dict[str, Any]]
    """File name -> ``{"bytes": n, "sha256": hex}``."""
    fields: dict[str, Any]
    """Everything else that the writer put there."""
    digest: str
    """SHA-256 of the manifest itself: it names the whole contents."""


class NewDirectory:
    """A directory that appears at ``target`` complete, with its manifest, or not at all.

    Args:
        target: final path; replaced only with ``overwrite`` and only if it holds a manifest of ours or is empty.
        kind: what it is, for the manifest's ``format`` field.
        overwrite: replace what is there.
        needed_bytes: refuse at once if there is not room for so much.
        manifest_name: the manifest's file name.

    Raises:
        OutputExistsError, UsageError: see :func:`require_absent`.
        DiskError: the file system refused; the target is as it was.
    """

    def __init__(
        self,
        target: str | Path,
        *,
        kind: str,
        overwrite: bool = False,
        needed_bytes: int = 0,
        manifest_name: str = MANIFEST,
    ) -> None:
        self.target = Path(target)
        self.kind = kind
        self.manifest: dict[str, Any] = {}
        self._overwrite = overwrite
        self._manifest_name = manifest_name
        self._needed = needed_bytes
        self._files: dict[str, dict[str, Any]] = {}
        self._open: list[tuple[str, HashedFile]] = []
        self.path = self.target.absolute().parent / f".tmp-{self.target.name}-{os.getpid()}"

    def __enter__(self) -> NewDirectory:
        require_absent(self.target, self._overwrite)
        _require_ours(self.target, self._manifest_name)
        check_free_space(self.target, self._needed)
        with _reported(self.target, "create"):
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir()
        return self

    def write(self, name: str, data: bytes | str) -> None:
        """Write a whole file."""
        with self.open(name) as file:
            file.write(data.encode() if isinstance(data, str) else data)

    def open(self, name: str) -> BinaryIO:
        """A new file inside, hashed while it is written."""
        check_name(name, self.target)
        with _reported(self.target / name, "create"):
            file = HashedFile(self.path / name)
        self._open.append((name, file))
        return cast(BinaryIO, file)

    def adopt(self, name: str) -> None:
        """Take in a file that other code wrote into :attr:`path`."""
        check_name(name, self.target)
        with _reported(self.target / name, "read"), (self.path / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            self._files[name] = {"bytes": os.fstat(file.fileno()).st_size, "sha256": digest}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._abandon()
            if isinstance(error, OSError) and not isinstance(error, (BrokenPipeError, ChildProcessError)):
                raise DiskError.of(self.target, error, free=_free(self.target)) from error
            return
        try:
            with _reported(self.target, "write"):
                self._commit()
        except BaseException:
            self._abandon()
            raise

    def _commit(self) -> None:
        for name, file in self._open:
            file.close()
            self._files[name] = {"bytes": file.size, "sha256": file.sha256}
        stray = {entry.name for entry in self.path.iterdir()} - set(self._files)
        if stray:
            raise RuntimeError(f"files written behind the manifest's back: {sorted(stray)}")
        record = {
            "format": f"bertwright/{self.kind}/1",
            "files": dict(sorted(self._files.items())),
            **self.manifest,
        }
        record["digest"] = digest_of(record)
        _write_synced(
            self.path / self._manifest_name, json.dumps(record, ensure_ascii=False, indent=1).encode()
        )
        _sync_directory(self.path)
        _move_into_place(self.path, self.target)
        _sync_directory(self.target.absolute().parent)

    def _abandon(self) -> None:
        for _, file in self._open:
            with suppress(OSError):  # the error that brought us here is the one to report
                file.close()
        shutil.rmtree(self.path, ignore_errors=True)


def read_manifest(
    directory: str | Path,
    kind: str | None = None,
    *,
    manifest_name: str = MANIFEST,
    error: type[InputError] = InputError,
) -> Manifest:
    """The manifest of a finished directory, its own digest and the files' sizes checked.

    Raises:
        error: there is none, it is malformed, or of another kind.
        DigestError: the manifest's own digest differs, or a file is missing or has another size.
    """
    folder = Path(directory)
    path = folder / manifest_name
    if not folder.is_dir():
        got = "a file" if folder.exists() else "nothing there"
        raise error.at(folder, f"a {kind or 'finished'} directory", got)
    if not path.exists():
        raise error.at(
            folder, f"a {kind or 'finished'} directory", f"no {manifest_name}", hint="unfinished or not ours"
        )
    record = strict_json.load(path, error=error, max_bytes=_MANIFEST_LIMIT)
    if not isinstance(record, dict) or not isinstance(record.get("files"), dict) or "format" not in record:
        raise error.at(path, "a manifest with format and files")
    found = _kind_of(record["format"], path, error)
    if kind is not None and found != kind:
        raise error.at(folder, f"a {kind}", f"a {found}")
    claimed = record.pop("digest", None)
    if claimed != digest_of(record):
        raise DigestError.at(
            path,
            f"a manifest with digest {str(claimed)[:12]}…",
            f"{digest_of(record)[:12]}…",
            hint="changed or damaged",
        )
    files = record.pop("files")
    record.pop("format")
    manifest = Manifest(folder, found, files, record, claimed)
    for name, entry in files.items():
        _check_size(manifest, name, entry)
    return manifest


def verify(
    manifest: Manifest, names: Iterable[str] | None = None, *, progress: Progress | None = None
) -> None:
    """Compare files with their SHA-256.

    Args:
        names: only these; all when None.

    Raises:
        DigestError: naming the first file that differs and both digests.
    """
    watch = progress or Silent()
    for name in manifest.files if names is None else names:
        path = manifest.path / name
        with _reported(path, "read"), path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        expected = manifest.files[name]["sha256"]
        if found != expected:
            raise DigestError.at(
                path, f"SHA-256 {expected[:16]}…", f"{found[:16]}…", hint="the file is damaged or was changed"
            )
        watch.advance(manifest.files[name]["bytes"])


def digest_of(record: Any) -> str:
    """SHA-256 of ``record`` as canonical JSON."""
    text = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def check_name(name: str, where: str | Path, error: type[InputError] = InputError) -> None:
    """Refuse anything that is not the plain name of a file inside ``where``."""
    if not name or name in (".", "..") or "/" in name or "\\" in name or not name.isprintable():
        raise error.at(where, "a plain file name", name)


def _kind_of(value: Any, path: Path, error: type[InputError]) -> str:
    parts = value.split("/") if isinstance(value, str) else []
    if len(parts) != 3 or parts[0] != "bertwright":
        raise error.at(path, "a manifest of bertwright", value, field="format")
    if parts[2] != "1":
        raise error.at(
            path,
            "format version 1",
            parts[2],
            field="format",
            hint="written by a newer bertwright: update it",
        )
    return cast(str, parts[1])


def _check_size(manifest: Manifest, name: str, entry: Any) -> None:
    check_name(name, manifest.path)
    path = manifest.path / name
    if not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str):
        raise DigestError.at(manifest.path, "size and SHA-256 of every file", field=name)
    try:
        status = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        raise DigestError.at(
            path, f"{entry.get('bytes')} bytes", "nothing there", hint="the file is missing"
        ) from None
    if status.st_size != entry.get("bytes"):
        raise DigestError.at(
            path, f"{entry.get('bytes')} bytes", f"{status.st_size} bytes", hint="cut short or changed"
        )


def _require_ours(target: Path, manifest_name: str) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OutputExistsError(target, "it is not a directory: choose another output")
    if target.is_dir() and any(target.iterdir()) and not (target / manifest_name).exists():
        raise OutputExistsError(
            target, "it is not an output of this command, so it is not replaced: choose another"
        )


def _move_into_place(source: Path, target: Path) -> None:
    if not target.exists():
        os.rename(source, target)
        return
    if not _exchange(source, target):
        aside = source.with_name(f".old-{target.name}-{os.getpid()}")
        os.rename(target, aside)
        os.rename(source, target)
        source = aside
    shutil.rmtree(source, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two directories in one instant where the system can (Linux ``renameat2``)."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    result = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    if result == 0:
        return True
    if ctypes.get_errno() in (errno.ENOSYS, errno.EINVAL):
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _write_synced(path: Path, payload: bytes) -> None:
    with HashedFile(path) as file:
        file.write(payload)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free(path: Path) -> int | None:
    with suppress(OSError):
        return shutil.disk_usage(_existing_parent(path)).free
    return None


@contextmanager
def _reported(path: Path, doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise DiskError.of(path, problem, doing=doing, free=_free(path)) from problem


# -- locks ----------------------------------------------------------------------------------------------------------------


@contextmanager
def lock(output: str | Path) -> Iterator[None]:
    """Hold ``output`` for this process: a locked file ``.NAME.lock`` beside it, with pid, host and start time.

    The operating system frees the lock of a dead owner, so a killed run never blocks the next.

    Raises:
        OutputBusyError: a live process holds it; names that process.
    """
    target = Path(output).absolute()
    path = target.parent / f".{target.name}.lock"
    with _reported(path, "lock"):
        descriptor = _locked(path, target)
    try:
        owner = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path, target: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 500, 0).decode("utf-8", "replace")
            os.close(descriptor)
            raise OutputBusyError(f"{shown_path(target)}: another process is writing it: {owner}") from None
        # The previous owner may have unlinked the file between our open and our lock.
        with suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)


# -- logs -----------------------------------------------------------------------------------------------------------------


@dataclass
class LogFile:
    """JSON lines that only grow; a line is whole or absent."""

    path: Path
    _file: Any = field(default=None, repr=False)

    def append(self, record: dict[str, Any]) -> None:
        """Add one line."""
        with _reported(self.path, "append"):
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
            self._file.write((strict_json.dump(record) + "\n").encode())

    def sync(self) -> None:
        """Make sure that what was appended survives a power cut."""
        if self._file is not None:
            with _reported(self.path, "sync"):
                os.fsync(self._file.fileno())

    def records(self) -> Iterator[dict[str, Any]]:
        """The lines; a torn last line (the writer was killed) is left out."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield strict_json.parse(line, self.path, line=number)

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Rewrite the log with the wanted records only (before a resumed run goes on)."""
        self.close()
        lines = [strict_json.dump(record) + "\n" for record in self.records() if wanted(record)]
        write_file(self.path, "".join(lines), overwrite=True)

    def close(self) -> None:
        """Sync and close."""
        if self._file is not None:
            self.sync()
            self._file.close()
            self._file = None
