"""Directories that appear complete, with their manifest, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from bertwright.durable.abandoned import cleared_temporary, temporary_beside
from bertwright.durable.files import concerns, reported
from bertwright.durable.manifests import MANIFEST, UNSEALED, digest_of
from bertwright.durable.members import check_member
from bertwright.durable.questions import check_free_space, free_bytes
from bertwright.durable.replacement import check_new_directory, put_in_place
from bertwright.durable.synced import HashedFile, sync_directory, write_synced
from bertwright.errors import DiskError


class NewDirectory:
    """A directory that appears at ``target`` complete, with its manifest, or not at all.

    Args:
        target: final path; replaced only with ``overwrite``, and only if empty or an output of the same kind
            that holds nothing else.
        kind: what it is, for the manifest's ``format`` field.
        overwrite: replace what is there.
        needed_bytes: refuse at once if there is not room for so much.
        manifest_name: the manifest's file name.

    Raises:
        OutputExistsError, UsageError: see :func:`check_new_directory`; also when it appears meanwhile.
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
        check_new_directory(self.target, self.kind, self._overwrite, self._manifest_name)
        with reported(self.target, "create"):
            cleared_temporary(self.target)
        check_free_space(self.target, self._needed)
        with reported(self.target, "create"):
            self.path.mkdir()
        return self

    def write(self, name: str, data: bytes | str, *, sealed: bool = True) -> None:
        """Write a whole file; one not ``sealed`` has no digest in the manifest, for people to edit it."""
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
            **({UNSEALED: sorted(self._unsealed)} if self._unsealed else {}),
            **self.manifest,
        }
        record["digest"] = digest_of(record)
        write_synced(
            self.path / self._manifest_name, json.dumps(record, ensure_ascii=False, indent=1).encode()
        )
        for folder in (*folders, self.path):
            sync_directory(folder)
        put_in_place(self.path, self.target, self.kind, self._overwrite, self._manifest_name)

    def _abandon(self) -> None:
        for _, file in self._open:
            with suppress(OSError):  # the error that brought us here is the one to report
                file.close()
        shutil.rmtree(self.path, ignore_errors=True)
