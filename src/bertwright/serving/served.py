"""One model that is served: its name, what it can, its waiting room and its thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bertwright.errors import InputError, NonFiniteError
from bertwright.inference.fill_mask import MASK
from bertwright.inference.model import Model
from bertwright.progress import Silent
from bertwright.serving.answering import Answerer, Told
from bertwright.serving.limits import Limits
from bertwright.serving.questions import (
    Blanks,
    Continuation,
    Embedding,
    Following,
    Likelihood,
    Prediction,
    Question,
    Vector,
)
from bertwright.serving.waiting import Closed, Full, Waiter, WaitingRoom

_LEAST_BATCH = 512  # tokens
_BATCH_SECONDS = 1.0
_TEXT = "A sentence of the usual kind, neither very short nor very long. " * 4
_PAIR = (_TEXT, _TEXT)
_ROWS: dict[str, Any] = {
    "tag": _TEXT,
    "answer": _PAIR,
    "choose": (_TEXT, ("this", "that")),
}
"""An input for each kind of task that takes neither texts nor pairs."""


class Served:
    """A model behind a queue.

    Every answer it can give is tried once, which also builds its networks and compiles what is compiled.

    Args:
        name: by which requests ask for it.
        told: hears of every batch.

    Raises:
        NonFiniteError: the weights give no finite numbers.
        InputError: there is nothing that the model can answer.
    """

    def __init__(self, name: str, model: Model, limits: Limits, told: Told) -> None:
        self.name, self.model, self._created = name, model, round(time.time())
        trials = [question for question in _trials(model) if _works(question, model)]
        if not trials:
            raise InputError.at(
                model.folder.path, "a model with something to answer", "none that can be asked"
            )
        self.abilities = tuple(question.ability for question in trials)
        """What can be asked: the last parts of the addresses."""
        self._trial = trials[0]
        begun = time.monotonic()
        first = self._trial.answers(model, self._trial.rows, Silent())[0]
        pace = self._trial.tokens(model) / max(time.monotonic() - begun, 1e-6)
        self.dimensions = len(first.numbers) if isinstance(first, Vector) else None
        """Of a vector; None where it gives none."""
        self._limits = _limits_at(pace, limits) if model.device.type == "cpu" else limits
        self.room = WaitingRoom(self._limits)
        self.answerer = Answerer(model, self.room, told)
        self._failed = 0.0  # when it was last tried in vain
        self.probing = False
        """Whether a :meth:`probe` is under way."""

    def ask(self, question: Question) -> Waiter:
        """Let ``question`` wait for its answer.

        Raises:
            InputError: it is none for this model.
            Full, Closed: it may not wait.
        """
        question.require(self.model, self._limits)
        tokens = question.tokens(self.model)
        if tokens > self._limits.waiting_tokens:
            most = self._limits.waiting_tokens
            raise InputError(
                f"input: expected work for at most about {most:,} tokens, as much as is done in the time "
                f"for an answer, got {tokens:,}"
            )
        return self.room.enter(question, tokens)

    @property
    def rested(self) -> bool:
        """Whether it is time to :meth:`probe`."""
        return not self.probing and time.monotonic() - self.answerer.answered > self._limits.probe_seconds

    async def probe(self) -> None:
        """Ask what was asked when the model was loaded, to know whether it still answers."""
        self.probing = True
        try:
            await asyncio.wrap_future(self.ask(self._trial).answer)
        except (Full, Closed):
            pass  # others ask enough
        except Exception:  # whatever it is: it does not answer
            self._failed = time.monotonic()
        finally:
            self.probing = False

    @property
    def ready(self) -> bool:
        """Whether it is likely to answer now."""
        sound = self.answerer.answered > self._failed
        return self.answerer.alive and sound and self.answerer.silent_seconds < self._limits.stuck_seconds

    def to_dict(self) -> dict[str, Any]:
        """As ``/v1/models`` has it."""
        positions = self.model.config.max_position_embeddings
        return {
            "id": self.name,
            "object": "model",
            "owned_by": "bertwright",
            "created": self._created,
            "abilities": list(self.abilities),
            "task": _task(self.model) if Prediction.ability in self.abilities else None,
            "dimensions": self.dimensions,
            "max_length": self.model.sentence_recipe().max_length or positions,
            "precision": self.model.precision,
        }


def named(served: Mapping[str, Served], name: str | None) -> Served | None:
    """The model called so; the only one where no name is given."""
    if name is None and len(served) == 1:
        return next(iter(served.values()))
    return served.get(name or "")


def _trials(model: Model) -> Iterable[Question]:
    """One question of every kind."""
    yield Embedding((_TEXT,))
    if model.folder.task is not None:
        yield Prediction((_row(model),))
    yield Blanks((MASK,))
    yield Following((_PAIR,))
    yield Likelihood(("A sentence.",))
    yield Continuation(("A sentence",), max_tokens=1)


def _row(model: Model) -> Any:
    pairs = model.task.columns.text_pair is not None
    return _ROWS.get(model.task.kind, _PAIR if pairs else _TEXT)


def _limits_at(pace: float, limits: Limits) -> Limits:
    """A second's work together, and no question that takes more than the time for an answer.

    Args:
        pace: in tokens a second.
    """
    together = min(limits.batch_tokens, max(_LEAST_BATCH, round(pace * _BATCH_SECONDS)))
    waiting = min(limits.waiting_tokens, max(together, round(pace * limits.answer_seconds)))
    return replace(limits, batch_tokens=together, waiting_tokens=waiting)


def _works(question: Question, model: Model) -> bool:
    try:
        question.answers(model, question.rows, Silent())
    except NonFiniteError:
        raise
    except InputError:  # a head that is not there
        return False
    return True


def _task(model: Model) -> dict[str, Any]:
    stored = model.task.to_dict()
    return {
        "kind": stored["kind"],
        "pairs": model.task.columns.text_pair is not None,
        "labels": stored.get("labels"),
        "problem_type": stored.get("problem_type"),
    }
