"""SIGINT and SIGTERM as requests: the loop saves and stops; a second signal ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from bertwright.execution.local import is_worker


class StopSignals:
    """While entered, the first SIGINT or SIGTERM is only noted in :attr:`requested`.

    In a worker another process decides: SIGINT stays ignored, and SIGTERM is only noted however often it
    comes, since it may come from outside and from that process. Outside the main thread Python allows no
    handlers; then nothing is installed and nothing is noted.
    """

    HANDLED = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.requested = 0
        """Number of the signal that asked to stop, 0 while none did."""
        self._before: dict[int, Any] = {}
        self._led = False

    def __enter__(self) -> StopSignals:
        self._led = is_worker()
        if threading.current_thread() is threading.main_thread():
            handled = (signal.SIGTERM,) if self._led else self.HANDLED
            self._before = {number: signal.signal(number, self._note) for number in handled}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested and not self._led:
            os._exit(128 + number)  # asked twice: what was durable stays, nothing else is waited for
        self.requested = number
