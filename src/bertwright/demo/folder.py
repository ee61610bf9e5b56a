"""The demo's folder: made new, and replaced only if an earlier demo made it."""

from __future__ import annotations

import shutil
from pathlib import Path

from bertwright import durable
from bertwright.errors import DiskError, OutputExistsError

MARKER = ".bertwright-demo"


def new_folder(path: Path, overwrite: bool) -> None:
    """Make ``path``.

    Raises:
        OutputExistsError: it exists, and ``overwrite`` is false or no demo made it.
        UsageError: its parent does not exist.
    """
    durable.require_absent(path, overwrite)
    try:
        if path.exists():
            if not (path / MARKER).is_file() and any(path.iterdir()):
                raise OutputExistsError(path, "no demo made it, so it is not replaced: choose another output")
            shutil.rmtree(path)
        path.mkdir()
    except OSError as problem:
        raise DiskError.of(path, problem, doing="create") from problem
    durable.write_file(path / MARKER, "")
