"""Directories that are judged before they appear."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType

from bertwright.durable.directories import check_target, put_in_place
from bertwright.durable.files import remove_stale, reported, temporary_beside
from bertwright.durable.manifests import MANIFEST


class StagedDirectory:
    """A place beside ``target`` where a finished directory is made, examined, and then published.

    When the block ends without :meth:`publish`, nothing of it remains.

    Args:
        target: final path; replaced only with ``overwrite``, and only if empty or holding a manifest of ours.
        overwrite: replace what is there.
        manifest_name: the manifest's file name.

    Attributes:
        scratch: a directory for whatever is needed meanwhile.
        path: where the directory is to be made (through :class:`NewDirectory`, say); not there yet.

    Raises:
        OutputExistsError, UsageError: as :class:`NewDirectory`, before any work, and again when publishing.
        DiskError: the file system refused; the target is as it was.
    """

    def __init__(self, target: str | Path, *, overwrite: bool = False, manifest_name: str = MANIFEST) -> None:
        self.target = Path(target)
        self._overwrite = overwrite
        self._manifest_name = manifest_name
        self.scratch = temporary_beside(self.target)
        self.path = self.scratch / (self.target.name or "output")

    def __enter__(self) -> StagedDirectory:
        check_target(self.target, self._overwrite, self._manifest_name)
        with reported(self.target, "create"):
            remove_stale(self.scratch)
            self.scratch.mkdir(mode=0o700)
        return self

    def publish(self) -> None:
        """Let what was made at :attr:`path` appear at the target."""
        with reported(self.target, "write"):
            put_in_place(self.path, self.target, self._overwrite, self._manifest_name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
