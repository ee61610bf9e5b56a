"""What long work tells about itself; the command line draws it, a library call may ignore it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the course of long work. One instance serves several stages, one after the other."""

    def start(self, description: str, total: float | None = None, unit: str = "") -> None:
        """A stage begins. ``total`` in ``unit`` (``"bytes"``, ``"steps"``), or None when it is unknown."""

    def advance(self, amount: float = 1, note: str = "") -> None:
        """``amount`` more of the stage is done; ``note`` replaces the short text behind the bar."""

    def finish(self) -> None:
        """The stage is done."""

    def say(self, message: str) -> None:
        """One line for people, above the bar."""

    def warn(self, message: str) -> None:
        """One line on what is probably not as it was meant, also for people who want no remarks."""


class Silent:
    """Progress that nobody watches."""

    def start(self, description: str, total: float | None = None, unit: str = "") -> None:
        pass

    def advance(self, amount: float = 1, note: str = "") -> None:
        pass

    def finish(self) -> None:
        pass

    def say(self, message: str) -> None:
        pass

    def warn(self, message: str) -> None:
        pass
