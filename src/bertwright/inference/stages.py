"""Progress of work that is a part of other work."""

from __future__ import annotations

from bertwright.progress import Progress, Silent


class Inner(Silent):
    """Advances the stage that is under way; what would begin or end one is not passed on."""

    def __init__(self, outer: Progress) -> None:
        self._outer = outer

    @classmethod
    def of(cls, progress: Progress | None) -> Inner:
        """Inside of ``progress``; silent when there is none."""
        return cls(progress or Silent())

    def advance(self, amount: float = 1, note: str = "") -> None:
        self._outer.advance(amount, note)

    def say(self, message: str) -> None:
        self._outer.say(message)
