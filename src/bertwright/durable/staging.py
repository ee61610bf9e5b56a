"""Directories that are judged before they appear."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType

from bertwright.durable.abandoned import cleared_temporary, temporary_beside
from bertwright.durable.files import reported
from bertwright.durable.manifests import MANIFEST
from bertwright.durable.replacement import check_new_directory, put_in_place


class StagedDirectory:
    """A place beside ``target`` where a finished directory is made, examined, and then published.

    When the block ends without :meth:`publish`, nothing of it remains.

    Args:
        target: final path; replaced as by :class:`NewDirectory`.
        kind: what it is by its manifest; None for what has a mere mark, see :func:`check_new_directory`.
        overwrite: replace what is there.
        manifest_name: the manifest's file name.

    Attributes:
        scratch: a directory for whatever is needed meanwhile.
        path: where the directory is to be made (through :class:`NewDirectory`, say); not there yet.

    Raises:
        OutputExistsError, UsageError: as :class:`NewDirectory`, before any work, and again when publishing.
        DiskError: the file system refused; the target is as it was.
    """

    def __init__(
        self, target: str | Path, *, kind: str | None, overwrite: bool = False, manifest_name: str = MANIFEST
    ) -> None:
        self.target = Path(target)
        self._kind = kind
        self._overwrite = overwrite
        self._manifest_name = manifest_name
        self.scratch = temporary_beside(self.target)
        self.path = self.scratch / (self.target.name or "output")

    def __enter__(self) -> StagedDirectory:
        check_new_directory(self.target, self._kind, self._overwrite, self._manifest_name)
        with reported(self.target, "create"):
            cleared_temporary(self.target)
            self.scratch.mkdir(mode=0o700)
        return self

    def publish(self) -> None:
        """Let what was made at :attr:`path` appear at the target."""
        with reported(self.target, "write"):
            put_in_place(self.path, self.target, self._kind, self._overwrite, self._manifest_name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
