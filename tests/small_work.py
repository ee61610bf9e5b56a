"""Small pieces of work for engines: right, refused, and deadly."""

from __future__ import annotations

import os
import signal
import time

from bertwright.errors import CorpusError, SettingsError


def square(number: int) -> int:
    time.sleep(0.02 if number % 3 == 0 else 0)
    return number * number


def refuse(number: int) -> int:
    if number == 3:
        raise CorpusError("file:3: bad")
    if number == 30:
        raise SettingsError(["one", "two"])
    return number


def die(number: int) -> int:
    if number == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
