"""One writer an output."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bertwright.durable.files import reported
from bertwright.errors import OutputBusyError, shown_path


@contextmanager
def lock(output: str | Path) -> Iterator[None]:
    """Hold ``output`` for this process: a locked file ``.NAME.lock`` beside it names pid, host and start.

    The operating system frees the lock of a dead owner, so a killed run never blocks the next.

    Raises:
        OutputBusyError: a live process holds it; names that process.
        DiskError: the file system refused the locked file.
    """
    target = Path(output).absolute()
    path = target.parent / f".{target.name}.lock"
    with reported(path, "lock"):
        descriptor = _locked(path, target)
    try:
        owner = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        with reported(path, "lock"):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(owner).encode(), 0)
        yield
    finally:
        with suppress(OSError):  # what the block ended with is to be told; a file that stays holds up nobody
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
