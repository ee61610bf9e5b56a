"""The ends of a process: Ctrl-C and SIGTERM become exceptions, but never inside an import.

Native libraries run Python while they are imported, and a C++ frame that meets ``KeyboardInterrupt`` there
ends the process with an abort. So a signal that comes during an import waits until it is over, which takes a
second or two at most; a second one ends the process at once.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_AGAIN_SECONDS = 0.02
_pending: list[int] = []
_given_up: list[bool] = []


def install() -> None:
    """Take over SIGINT and SIGTERM of this process."""
    signal.signal(signal.SIGINT, _received)
    signal.signal(signal.SIGTERM, _received)
    signal.signal(signal.SIGALRM, _look_again)


def ignore() -> None:
    """From here on a signal changes nothing: the work is done and told."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


def give_up_threads() -> None:
    """One of the threads computes and may do so for ever: :func:`leave` is not to wait for it."""
    _given_up.append(True)


def leave(code: int) -> NoReturn:
    """End the process with ``code``, in most cases with the interpreter's farewell."""
    # A rank's native threads may outlive the interpreter, which then aborts.
    if _given_up or os.environ.get("WORLD_SIZE", "1") != "1":
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _received(number: int, frame: FrameType | None) -> None:
    if not _is_importing(frame):
        _raise(number)
    if _pending:
        os.write(2, b"stopped\n")
        os._exit(128 + number)
    _pending.append(number)
    # Again and again: one alarm may come right before a system call, which would then not be interrupted.
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)


def _look_again(_: int, frame: FrameType | None) -> None:
    if _pending and not _is_importing(frame):
        _raise(_pending[0])


def _raise(number: int) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    _pending.clear()  # or what waits would be raised while this one is dealt with
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    from bertwright.errors import Interrupted

    raise Interrupted(number)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
