"""The thread that answers: it takes what is alike from the waiting room and asks the model once for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from bertwright.errors import RunError
from bertwright.inference.model import Model
from bertwright.progress import Silent
from bertwright.serving.questions import Question
from bertwright.serving.waiting import Waiter, WaitingRoom


class Abandoned(RunError):
    """Nobody waits for the answer any more."""


Told = Callable[[Question, int, float], None]
"""Hears of every batch: its question, how many rows, and the seconds that it took."""


class Answerer:
    """Answers the questions of one room with one model, one batch after the other.

    Args:
        told: hears of every batch.
    """

    def __init__(self, model: Model, room: WaitingRoom, told: Told) -> None:
        self._model, self._room, self._told = model, room, told
        self._heart = _Heart()
        self._thread: threading.Thread | None = None
        self._torch_threads = torch.get_num_threads()
        self.answered = time.monotonic()
        """When the model last answered, or was tried before this began."""

    def start(self) -> None:
        """Begin, or begin again where the thread has ended."""
        self._thread = threading.Thread(target=self._run, name="answerer", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def silent_seconds(self) -> float:
        """Since the last sign of life while it is answering; 0 while it waits."""
        return self._heart.silent_seconds

    def _run(self) -> None:
        # A new thread begins with the number that any other has set last, perhaps for helpers of its own.
        torch.set_num_threads(self._torch_threads)
        while not (self._room.closed and not self._room.requests):
            if batch := self._room.take(seconds=1.0):
                try:
                    with self._heart:
                        self._answer(batch)
                finally:  # also where the thread ends: nobody waits for what will never come
                    for waiter in batch:
                        if not waiter.answer.done():
                            _settle(waiter, RunError("the answer was lost"))

    def _answer(self, batch: Sequence[Waiter]) -> None:
        """Answer ``batch``; where that fails, its halves, so that one question fails alone."""
        first = batch[0].question
        rows = [row for waiter in batch for row in waiter.question.rows]
        begun, self._heart.batch = time.monotonic(), batch
        try:
            answers = first.answers(self._model, rows, self._heart)
            if len(answers) != len(rows):
                raise RunError(f"expected {len(rows)} answers, got {len(answers)}")
        except Exception as problem:
            if len(batch) == 1 or isinstance(problem, Abandoned):
                for waiter in batch:
                    _settle(waiter, problem)
                return
            for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
                self._answer(half)
            return
        self.answered = time.monotonic()
        self._told(first, len(rows), self.answered - begun)
        place = iter(answers)
        for waiter in batch:
            _settle(waiter, [next(place) for _ in waiter.question.rows])


class _Heart(Silent):
    """Beats while an answer is being made, and stops where nobody waits for it."""

    def __init__(self) -> None:
        self.batch: Sequence[Waiter] = ()
        self._last: float | None = None  # None while it rests

    def __enter__(self) -> _Heart:
        self._last = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._last, self.batch = None, ()

    def advance(self, amount: float = 1, note: str = "") -> None:
        self._last = time.monotonic()
        if not any(waiter.wanted for waiter in self.batch):
            raise Abandoned("nobody waits for the answer")

    @property
    def silent_seconds(self) -> float:
        last = self._last
        return 0.0 if last is None else time.monotonic() - last


def _settle(waiter: Waiter, result: list[Any] | Exception) -> None:
    if isinstance(result, Exception):
        waiter.answer.set_exception(result)
    else:
        waiter.answer.set_result(result)
