"""Directories that appear complete, with their manifest, or not at all."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from bertwright.durable.files import (
    HashedFile,
    check_free_space,
    concerns,
    free_bytes,
    remove_stale,
    reported,
    require_absent,
    sync_directory,
    temporary_beside,
    write_synced,
)
from bertwright.durable.manifests import MANIFEST, check_member, digest_of
from bertwright.errors import DiskError, OutputExistsError

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


class NewDirectory:
    """A directory that appears at ``target`` complete, with its manifest, or not at all.

    Args:
        target: final path; replaced only with ``overwrite``, and only if empty or holding a manifest of ours.
        kind: what it is, for the manifest's ``format`` field.
        overwrite: replace what is there.
        needed_bytes: refuse at once if there is not room for so much.
        manifest_name: the manifest's file name.

    Raises:
        OutputExistsError, UsageError: see :func:`require_absent`; also when the target appears meanwhile.
        DiskError: the file system refused; the target is as it was. An ``OSError`` of the block that is about
            something else stays what it is.
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
        self._unsealed: set[str] = set()
        self.path = temporary_beside(self.target)

    def __enter__(self) -> NewDirectory:
        check_target(self.target, self._overwrite, self._manifest_name)
        check_free_space(self.target, self._needed)
        with reported(self.target, "create"):
            remove_stale(self.path)
            self.path.mkdir()
        return self

    def write(self, name: str, data: bytes | str, *, sealed: bool = True) -> None:
        """Write a whole file; one that is not ``sealed`` is left out of the manifest, for people to edit."""
        with self.open(name) as file:
            file.write(data.encode() if isinstance(data, str) else data)
        if not sealed:
            self._unsealed.add(name)

    def open(self, name: str) -> BinaryIO:
        """A new file inside, hashed while it is written; ``FOLDER/NAME`` puts it into a folder of its own."""
        check_member(name, self.target)
        path = self.path / name
        with reported(self.target / name, "create"):
            path.parent.mkdir(exist_ok=True)
            file = HashedFile(path)
        self._open.append((name, file))
        return cast(BinaryIO, file)

    def adopt(self, name: str) -> str:
        """Take in a file that other code wrote into :attr:`path`; returns its SHA-256 in hexadecimal."""
        check_member(name, self.target)
        with reported(self.target / name, "read"), (self.path / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            self._files[name] = {"bytes": os.fstat(file.fileno()).st_size, "sha256": digest}
        return digest

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._abandon()
            if isinstance(error, OSError) and concerns(error, self.path):
                raise DiskError.of(self.target, error, free=free_bytes(self.target)) from error
            return
        try:
            with reported(self.target, "write"):
                self._commit()
        except BaseException:
            self._abandon()
            raise

    def _commit(self) -> None:
        for name, file in self._open:
            file.close()
            self._files[name] = {"bytes": file.size, "sha256": file.sha256}
        folders = {(self.path / name).parent for name in self._files} - {self.path}
        entries = [entry for folder in (self.path, *folders) for entry in folder.iterdir()]
        stray = {str(entry.relative_to(self.path)) for entry in entries if entry not in folders}
        stray -= set(self._files)
        if stray:
            raise RuntimeError(f"files written behind the manifest's back: {sorted(stray)}")
        sealed = {name: entry for name, entry in self._files.items() if name not in self._unsealed}
        record = {
            "format": f"bertwright/{self.kind}/1",
            "files": dict(sorted(sealed.items())),
            **self.manifest,
        }
        record["digest"] = digest_of(record)
        write_synced(
            self.path / self._manifest_name, json.dumps(record, ensure_ascii=False, indent=1).encode()
        )
        for folder in (*folders, self.path):
            sync_directory(folder)
        put_in_place(self.path, self.target, self._overwrite, self._manifest_name)

    def _abandon(self) -> None:
        for _, file in self._open:
            with suppress(OSError):  # the error that brought us here is the one to report
                file.close()
        shutil.rmtree(self.path, ignore_errors=True)


def check_target(target: str | Path, overwrite: bool, manifest_name: str = MANIFEST) -> None:
    """Refuse what :class:`NewDirectory` would refuse: to be asked before long work begins.

    Raises:
        OutputExistsError, UsageError: see :func:`require_absent`; or what is there is not ours to replace.
    """
    require_absent(target, overwrite)
    _require_ours(Path(target), manifest_name)


def put_in_place(source: Path, target: Path, overwrite: bool, manifest_name: str = MANIFEST) -> None:
    """Let a finished directory appear at ``target``, in one instant.

    Raises:
        OutputExistsError: something has appeared there, or what is there is not ours to replace.
        OSError: the file system refused.
    """
    if overwrite:
        _require_ours(target, manifest_name)  # again: much may have happened since
        _replace(source, target)
    else:
        _move_into_place(source, target)
    sync_directory(target.absolute().parent)


def _require_ours(target: Path, manifest_name: str) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OutputExistsError(target, "it is not a directory: choose another output")
    if target.is_dir() and any(target.iterdir()) and not (target / manifest_name).exists():
        raise OutputExistsError(
            target, "it is not an output of this command, so it is not replaced: choose another"
        )


def _move_into_place(source: Path, target: Path) -> None:
    """Rename, unless something has appeared at ``target`` (an empty directory does not count)."""
    try:
        os.rename(source, target)
    except OSError as problem:
        if problem.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise OutputExistsError(target) from None
        raise


def _replace(source: Path, target: Path) -> None:
    if not target.exists():
        os.rename(source, target)
        return
    if not _exchange(source, target):
        aside = source.with_name(temporary_beside(target).name.replace(".tmp-", ".old-", 1))
        remove_stale(aside)
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
