"""A folder as it lies in the cache of ``huggingface_hub``."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

REVISION = "0f3c1d2b4a5968778695a4b3c2d1e0f012345678"


def into_cache(folder: Path, cache: Path) -> Path:
    """A copy of ``folder`` as ``snapshots/REVISION`` of ``cache``: links to blobs named by their digests."""
    snapshot, blobs = cache / "snapshots" / REVISION, cache / "blobs"
    blobs.mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(REVISION)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        blob = blobs / hashlib.sha256(path.read_bytes()).hexdigest()
        shutil.copy(path, blob)
        link = snapshot / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot
