"""Progress of parts: told as it comes where it can be seen, and whole where it cannot."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from bertwright.inference.stages import Inner, Told
from bertwright.progress import Silent


class Sum(Silent):
    """Adds up what it is told."""

    def __init__(self) -> None:
        self.told = 0.0
        self.said: list[str] = []

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.told += amount

    def say(self, message: str) -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.said.append(f"warning: {message}")


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=9))
def test_every_part_is_told_once(parts: list[tuple[int, bool]]) -> None:
    """Whether a part told its rows itself, here, or was done elsewhere."""
    outer = Sum()
    told = Told(outer)
    for rows, here in parts:
        if here:
            for _ in range(rows):
                told.advance()
        told.complete(rows)
    assert outer.told == sum(rows for rows, _ in parts)


def test_elsewhere_it_is_silent() -> None:
    outer = Sum()
    told = Told(outer)
    away = copy.copy(told)  # as it travels to another process
    away.advance(3)
    away.say("hello")
    away.warn("hello")
    told.say("here")
    told.warn("odd")
    assert outer.told == 0
    assert outer.said == ["here", "warning: odd"]


def test_what_is_said_inside_is_passed_on() -> None:
    outer = Sum()
    inner = Inner.of(outer)
    inner.say("here")
    inner.warn("odd")
    assert outer.said == ["here", "warning: odd"]
