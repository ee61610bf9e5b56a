"""One fine-tuning run: one seed, its epochs, its best moment, and its restarts when it learned nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import NonFiniteError
from bertwright.progress import Progress
from bertwright.tasks.attempt import Attempt
from bertwright.tasks.batches import Features
from bertwright.tasks.learned import Learned
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.task import Task


@dataclass(frozen=True)
class Materials:
    """What every run of a fine-tuning shares."""

    folder: ModelFolder
    task: Task[Any]
    settings: FinetuneSettings
    metric: str
    train: Sequence[Features]
    dev: Sequence[Features]
    dev_examples: Sequence[Any]
    device: torch.device
    preset: str = ""
    """Name of the published task that it is; empty for one of the user's own."""


@dataclass(frozen=True)
class Run:
    """What came of one seed."""

    seed: int
    attempts: int
    """1 when the first attempt learned something."""
    stuck: str | None
    """Why the last attempt counts as having learned nothing, or None."""
    epoch: float
    """When the best moment was, in passes over the training rows: the weights are those of then."""
    metrics: dict[str, float]
    """Of the best moment, on the development rows."""
    epochs: tuple[dict[str, float], ...]
    """Of every evaluation: once an epoch unless asked otherwise."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "seed": self.seed,
            "metrics": self.metrics,
            "epoch": self.epoch,
            "epochs": list(self.epochs),
            "attempts": self.attempts,
            "stuck": self.stuck,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Run:
        """What :meth:`to_dict` gave."""
        return cls(**{**stored, "epochs": tuple(stored["epochs"])})


def run_seed(
    materials: Materials, seed: int, description: str, progress: Progress, folder: Path
) -> tuple[Run, Learned]:
    """One run and what it learned; while that is nothing it is started again.

    Args:
        folder: where the run's state is kept while it lasts, so that it can be taken up again.

    Raises:
        NonFiniteError: loss or gradients are no numbers, in the last attempt too.
        Interrupted: a signal asked to stop; the state was saved.
    """
    attempts = materials.settings.restarts + 1
    for number in range(attempts):
        last = number + 1 == attempts
        attempt = Attempt(materials, seed, number, folder / f"attempt-{number + 1}", progress)
        stuck: str | None
        try:
            learned = attempt.run(description)
            stuck = attempt.best.stuck
        except NonFiniteError as problem:
            if last:
                raise
            stuck = problem.message
        if stuck is None:
            break
        then = "keeping it as it is" if last else "starting again with other chance"
        progress.say(f"seed {seed}, attempt {number + 1}: {stuck}: nothing was learned, {then}")
    best = attempt.best
    return Run(seed, number + 1, stuck, best.epoch, best.metrics, tuple(best.evaluations)), learned
