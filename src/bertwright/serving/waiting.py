"""Where questions wait for their turn: bounded, first come first served, those that are alike together."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from bertwright.errors import RunError
from bertwright.serving.limits import Limits
from bertwright.serving.questions import Question


class Full(RunError):
    """As much waits as may wait."""


class Closed(RunError):
    """The server is being stopped."""


@dataclass(eq=False)
class Waiter:
    """A question, and where its answer goes: to itself, never to a place in a list."""

    question: Question
    tokens: int
    answer: Future[list[Any]] = field(default_factory=Future)
    wanted: bool = True
    """Whether somebody still waits for it."""

    def leave(self) -> None:
        """Nobody waits any more: it is not begun, and what is begun may be given up."""
        self.wanted = False
        self.answer.cancel()


class WaitingRoom:
    """The questions to one model. Any thread may enter; one takes.

    A question holds its place from :meth:`enter` until its answer is there or is no longer wanted.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._waiting: deque[Waiter] = deque()
        self._closed = False
        self.requests = 0
        """That wait or are being answered,"""
        self.tokens = 0
        """and their tokens."""

    def enter(self, question: Question, tokens: int) -> Waiter:
        """Wait for an answer. Cancelling it gives the place back at once.

        Raises:
            Full: there is no room.
            Closed: nothing is taken any more.
        """
        with self._changed:
            self._require_room(tokens)
            waiter = Waiter(question, tokens)
            self.requests += 1
            self.tokens += tokens
            self._waiting.append(waiter)
            self._changed.notify()
        waiter.answer.add_done_callback(lambda answer: self._leave(waiter, answer.cancelled()))
        return waiter

    def take(self, seconds: float) -> list[Waiter]:
        """The question that came first, and others that are alike, as many as are answered together.

        Nothing when none came for so many ``seconds``, or the room was closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, seconds)
            taken: list[Waiter] = []
            left: deque[Waiter] = deque()
            room = self._limits.batch_tokens
            for waiter in self._waiting:
                fits = not taken or (
                    waiter.tokens <= room and waiter.question.alike == taken[0].question.alike
                )
                if not fits:
                    left.append(waiter)
                elif waiter.answer.set_running_or_notify_cancel():
                    taken.append(waiter)
                    room -= waiter.tokens
            self._waiting = left
            return taken

    def close(self) -> None:
        """Take nothing more; what waits is still answered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether :meth:`enter` refuses."""
        return self._closed

    def _leave(self, waiter: Waiter, cancelled: bool) -> None:
        with self._changed:
            self.requests -= 1
            self.tokens -= waiter.tokens
            if cancelled and waiter in self._waiting:
                self._waiting.remove(waiter)

    def _require_room(self, tokens: int) -> None:
        if self._closed:
            raise Closed("the server is being stopped")
        most = self._limits
        if self.requests >= most.waiting_requests or self.tokens + tokens > most.waiting_tokens:
            raise Full("too many requests wait for an answer")
