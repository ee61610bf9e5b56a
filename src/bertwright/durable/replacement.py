"""A finished directory in the place of another: what may be replaced, and how.

Where the system can exchange two names (Linux, most local file systems), a reader finds the old directory or
the new one at every instant. Elsewhere (NFS, macOS) nothing is at the target for a moment; a process that is
killed in it leaves the old directory beside, and the next one that writes there puts it back. In both cases
the new one is on the disk under its name before anything of the old one is removed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from bertwright.durable.abandoned import aside_of, remove_stale, restore
from bertwright.durable.files import reported
from bertwright.durable.manifests import MANIFEST, Claim, read_claim
from bertwright.durable.questions import require_absent
from bertwright.durable.synced import sync_directory
from bertwright.errors import OutputExistsError, shown_path

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def check_new_directory(
    target: str | Path, kind: str | None, overwrite: bool, manifest_name: str = MANIFEST
) -> None:
    """Refuse what :class:`NewDirectory` would refuse: to be asked before long work begins.

    Args:
        target: the output.
        kind: of the directory that is to be written; None where ``manifest_name`` is a mere mark of ours, and
            all that is in a directory with one may go.
        overwrite: replace what is there, if it is ours: empty, or of the same kind by its manifest (which may
            be damaged), and nothing in it that the manifest does not name.
        manifest_name: the manifest's file name.

    Raises:
        OutputExistsError: it exists, and ``overwrite`` is false or it is not ours to replace.
        UsageError: its parent is missing or not a directory, or the path cannot be a path.
        DiskError: what is there cannot be read.
    """
    restore(Path(target))
    require_absent(target, overwrite)
    _require_ours(Path(target), kind, manifest_name)


def put_in_place(
    source: Path, target: Path, kind: str | None, overwrite: bool, manifest_name: str = MANIFEST
) -> None:
    """Let a finished directory appear at ``target``.

    Raises:
        OutputExistsError: something has appeared there, or what is there is not ours to replace.
        OSError: the file system refused; the target is as it was, and ``source``, too.
    """
    if overwrite and os.path.lexists(target):
        _require_ours(target, kind, manifest_name)  # again: much may have happened since
        _replace(source, target)
    else:
        _publish(source, target)


def _require_ours(target: Path, kind: str | None, manifest_name: str) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OutputExistsError(target, "it is not a directory: choose another output")
    with reported(target, "read"):
        if not target.is_dir() or not os.listdir(target):
            return
        if kind is None and (target / manifest_name).is_file():
            return
        claim = read_claim(target, manifest_name)
        stranger = None if claim is None else _stranger(target, claim)
    if claim is None or kind is None:
        raise OutputExistsError(
            target, "it is not an output of this command, so it is not replaced: choose another"
        )
    if claim.kind != kind:
        raise OutputExistsError(
            target, f"it is a {claim.kind}, which no {kind} replaces: choose another output"
        )
    if stranger is not None:
        what = f"it also holds {shown_path(stranger)}, which is no part of it"
        raise OutputExistsError(target, f"{what}: move that away, or choose another output")


def _stranger(folder: Path, claim: Claim) -> str | None:
    """The first file in ``folder`` that is no part of it."""
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in sorted([*names, *links]):
            relative = str((Path(place) / name).relative_to(folder))
            if not claim.covers(relative):
                return relative
    return None


def _raise(problem: OSError) -> None:
    raise problem


def _publish(source: Path, target: Path) -> None:
    """Rename, unless something has appeared at ``target`` (an empty directory does not count)."""
    try:
        os.rename(source, target)
    except OSError as problem:
        if problem.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise OutputExistsError(target) from None
        raise
    try:
        sync_directory(target.absolute().parent)
    except BaseException:
        os.rename(target, source)
        raise


def _replace(source: Path, target: Path) -> None:
    _swap(source, target)
    try:
        sync_directory(target.absolute().parent)
    except BaseException:
        _swap(source, target)  # what is at ``source`` will be removed
        raise
    shutil.rmtree(source, ignore_errors=True)


def _swap(first: Path, second: Path) -> None:
    """Let two directories change places; where that fails both are as they were."""
    if _exchange(first, second):
        return
    aside = aside_of(second)
    remove_stale(aside)
    with ExitStack() as undo:
        os.rename(second, aside)
        undo.callback(os.rename, aside, second)
        os.rename(first, second)
        undo.callback(os.rename, second, first)
        os.rename(aside, first)
        undo.pop_all()


def _exchange(first: Path, second: Path) -> bool:
    """Let two directories change places in one instant where the system can (Linux ``renameat2``)."""
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
