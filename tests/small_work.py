"""Small pieces of work for engines: right, refused, and deadly."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from bertwright.errors import CorpusError, SettingsError
from bertwright.training.signals import StopSignals


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


def until_told(folder: str) -> str:
    """Works until SIGTERM, and then takes longer to save than an idle worker gets to leave."""
    with StopSignals() as signals:
        Path(folder, f"{os.getpid()}.begun").touch()
        while not signals.requested:
            time.sleep(0.01)
        time.sleep(2)
        Path(folder, f"{os.getpid()}.saved").touch()
    return folder


def slow_first(number: int) -> int:
    time.sleep(1 if number == 0 else 0)
    return number
