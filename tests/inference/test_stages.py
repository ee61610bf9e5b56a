"""Progress of parts: told as it comes where it can be seen, and whole where it cannot."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.inference import prediction
from bertwright.inference.stages import Inner, Told
from bertwright.progress import Progress, Silent


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


def test_windows_of_passages_are_told_as_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows are eight inputs of the model; the stage outside counts rows."""

    class Windows:
        tokenizer = SimpleNamespace(vocabulary=SimpleNamespace(pad_id=0))

        def inputs(self, rows: list[str]) -> list[str]:
            return rows

        def encode(self, rows: list[str]) -> list[str]:
            return [row for row in rows for _ in range(4)]

        def decode(self, outputs: list[str], features: list[str], inputs: list[str]) -> list[str]:
            return inputs

    def run_model(_model: Any, features: list[str], _pad: int, progress: Progress) -> list[str]:
        progress.start("evaluating", len(features))
        progress.advance(6)
        progress.advance(2)
        return features

    monkeypatch.setattr(prediction, "run_model", run_model)
    outer, windows, model = Sum(), cast(Any, Windows()), cast(Any, None)
    assert prediction.predict(windows, model, ["a", "b"], progress=outer) == ["a", "b"]
    assert outer.told == 2
    prediction.predict(windows, model, [], progress=outer)
