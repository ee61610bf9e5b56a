"""Progress of work that is a part of other work."""

from __future__ import annotations

from bertwright.progress import Progress, Silent


class Inner(Silent):
    """Advances the stage that is under way; what would begin or end one is not passed on.

    Args:
        share: of a unit of the outer stage that is one here, where they count different things.
    """

    def __init__(self, outer: Progress, share: float = 1.0) -> None:
        self._outer, self._share = outer, share

    @classmethod
    def of(cls, progress: Progress | None, share: float = 1.0) -> Inner:
        """Inside of ``progress``; silent when there is none."""
        return cls(progress or Silent(), share)

    def advance(self, amount: float = 1, note: str = "") -> None:
        self._outer.advance(amount * self._share, note)

    def say(self, message: str) -> None:
        self._outer.say(message)

    def warn(self, message: str) -> None:
        self._outer.warn(message)


class Told(Silent):
    """What was told of parts of a stage, some of which may be done where nobody watches.

    In another process it is silent; :meth:`complete` then tells the whole part when its result has come.
    """

    def __init__(self, outer: Progress | None) -> None:
        self._outer = outer
        self._ahead = 0.0  # told already of parts whose results have not come

    def __reduce__(self) -> tuple[type[Told], tuple[None]]:
        return Told, (None,)

    def advance(self, amount: float = 1, note: str = "") -> None:
        if self._outer is not None:
            self._ahead += amount
            self._outer.advance(amount, note)

    def say(self, message: str) -> None:
        if self._outer is not None:
            self._outer.say(message)

    def warn(self, message: str) -> None:
        if self._outer is not None:
            self._outer.warn(message)

    def complete(self, amount: float) -> None:
        """A part of ``amount`` is done: tell of it what was not told."""
        missing, self._ahead = max(0.0, amount - self._ahead), max(0.0, self._ahead - amount)
        if missing and self._outer is not None:
            self._outer.advance(missing)
