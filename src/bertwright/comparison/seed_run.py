"""One seed of a cell, as any process can do it alone: fine-tune, ask the development rows, say the result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.checkpoints.model_folder import open_model
from bertwright.comparison.answers import Answers
from bertwright.comparison.settings import TaskSettings
from bertwright.execution.threads import computing_with
from bertwright.progress import Progress, Silent
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FinetuneSettings


@dataclass(frozen=True)
class SeedRun:
    """What one fine-tuning of a comparison takes, and where it leaves its work."""

    key: str
    """What it is known by."""
    title: str
    """What people know it by."""
    model: Path
    kind: str
    task: TaskSettings
    settings: FinetuneSettings
    seed: int
    folder: Path
    """Of the fine-tuned model, which nobody needs once there is a record."""
    answers: Path
    """Of its answers to the development rows."""

    def run(self, progress: Progress) -> dict[str, Any]:
        """Do what an earlier process has not done of it.

        Returns:
            ``seed``, ``metric``, ``metrics``, ``train_rows``, ``rows``, ``baseline``, ``stuck``,
            ``warnings``, ``seconds``.

        Raises:
            InputError: a labelled file, or the settings, are wrong.
            NonFiniteError: the training diverged.
            Interrupted: a signal asked to stop; its state was saved.
        """
        begun = time.monotonic()
        self.folder.parent.mkdir(exist_ok=True)
        if not self.folder.exists():  # an earlier process may have been killed behind its fine-tuning
            finetune(
                self.model,
                kind=self.kind,
                train=self.task.train,
                dev=self.task.dev,
                output=self.folder,
                columns=self.task.chosen_columns(),
                settings=self.settings,
                seeds=[self.seed],
                format=self.task.format,
                resume=True,
                progress=_Brief(progress),
            )
        self.answers.parent.mkdir(exist_ok=True)
        opened = open_model(self.folder)
        dev, device = Path(self.task.dev), self.settings.device
        Answers.of(opened, dev, self.task.format, device, progress).save(self.answers)
        stored, made = dict(opened.task or {}), opened.provenance
        return {
            "part": "cell",
            "seed": self.seed,
            "metric": stored["metric"],
            "metrics": stored["metrics"],
            "train_rows": made["train"]["rows"],
            "rows": made["dev"]["rows"],
            "baseline": made["baseline"],
            "stuck": made["seeds"][0]["stuck"],
            "warnings": made["warnings"],
            "seconds": time.monotonic() - begun,
        }


def run_apart(threads: int, seed_run: SeedRun) -> tuple[dict[str, Any], list[str]]:
    """The record of ``seed_run``, made with ``threads`` where nobody watches, and what it had to say."""
    heard = _Heard()
    with computing_with(threads):
        record = seed_run.run(heard)
    return record, heard.lines


class _Brief(Silent):
    """Passes on how far it is, not what every seed and row would repeat; warnings are in the record."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def start(self, description: str, total: float | None = None, unit: str = "") -> None:
        self._progress.start(description, total, unit)

    def advance(self, amount: float = 1, note: str = "") -> None:
        self._progress.advance(amount, note)

    def finish(self) -> None:
        self._progress.finish()

    def say(self, message: str) -> None:
        if message.startswith("seed "):
            self._progress.say(message)


class _Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)
