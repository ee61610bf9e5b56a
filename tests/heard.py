"""What is told on the way, for tests that ask what was said."""

from __future__ import annotations

from bertwright.progress import Silent


class Heard(Silent):
    """Keeps remarks and warnings; of a bar it shows nothing."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warnings: list[str] = []

    def say(self, message: str) -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.warnings.append(message)
