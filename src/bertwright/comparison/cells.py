"""The cells of the table: a row's encoder adapted to a column's task, once a seed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bertwright.checkpoints.model_folder import ModelFolder, open_model
from bertwright.comparison.answers import Answers
from bertwright.comparison.encoders import Trained
from bertwright.comparison.plan import Arm, Column, Plan
from bertwright.comparison.work import Work, key_of
from bertwright.config.settings import flatten
from bertwright.durable import digest_of_file
from bertwright.progress import Progress
from bertwright.statistics.measures import OverRuns
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FREE_TO_CHANGE


@dataclass(frozen=True)
class Cell:
    """A row in a column: one record a seed."""

    arm: Arm
    column: Column
    records: tuple[Mapping[str, Any], ...]
    """Of every seed: ``seed``, ``metric``, ``metrics``, ``train_rows``, ``rows``, ``baseline``."""
    places: tuple[Path, ...]
    """Where the answers of every seed are."""

    @property
    def metric(self) -> str:
        """The figure of the table."""
        return str(self.records[0]["metric"])

    @property
    def values(self) -> list[float]:
        """The figure of every seed."""
        return [record["metrics"][self.metric] for record in self.records]


@dataclass
class Bench:
    """Makes cells, those that are not done yet.

    Args:
        plan: what is to be done.
        seeds: of fine-tuning.
        work: where finished ones are.
    """

    plan: Plan
    seeds: Sequence[int]
    work: Work
    progress: Progress
    _digests: dict[str, str] = field(default_factory=dict)
    _done: int = 0

    def cell(self, trained: Trained, arm: Arm, column: Column) -> Cell:
        """All seeds of a cell.

        Raises:
            InputError: a labelled file, or its settings, are wrong.
            NonFiniteError: the training diverged.
            Interrupted: a signal asked to stop; its state was saved.
        """
        done = [self._one(trained, arm, column, seed) for seed in self.seeds]
        return Cell(arm, column, tuple(record for record, _ in done), tuple(place for _, place in done))

    def measure(self, cell: Cell, encoder: ModelFolder) -> OverRuns:
        """The metrics of a cell, all seeds together, as functions of the development rows.

        Args:
            encoder: the model of the row, before it was adapted.
        """
        task = cell.column.task
        answers = (Answers.load(place) for place in cell.places)
        return OverRuns([found.measure(encoder, Path(task.dev), task.format) for found in answers])

    def _one(self, trained: Trained, arm: Arm, column: Column, seed: int) -> tuple[Mapping[str, Any], Path]:
        key = self._key(trained, arm, column, seed)
        place = self.work.folder("answers", key)
        record = self.work.find(key)
        self._done += 1
        if record is None:
            total = len(self.plan.arms) * len(self.plan.columns) * len(self.seeds)
            said = f"{arm.title} on {column.title}, seed {seed}"
            self.progress.say(f"fine-tuning {self._done} of {total}: {said}")
            record = self.work.add(key, self._adapted(trained, arm, column, seed, key, place))
            shutil.rmtree(self.work.folder("cells", key), ignore_errors=True)
        return record, place

    def _adapted(
        self, trained: Trained, arm: Arm, column: Column, seed: int, key: str, place: Path
    ) -> dict[str, Any]:
        """Fine-tune, ask the development rows, and say what came out."""
        begun, task = time.monotonic(), column.task
        folder = self.work.folder("cells", key)
        folder.parent.mkdir(exist_ok=True)
        if not folder.exists():  # an earlier process may have been killed just now
            finetune(
                trained.model(arm.share),
                kind=column.kind,
                train=task.train,
                dev=task.dev,
                output=folder,
                columns=task.chosen_columns(),
                settings=self.plan.finetuning_of(arm, column),
                seeds=[seed],
                format=task.format,
                resume=True,
                progress=_Muted(self.progress),
            )
        place.parent.mkdir(exist_ok=True)
        opened = open_model(folder)
        Answers.of(opened, Path(task.dev), task.format, self.progress).save(place)
        stored, made = dict(opened.task or {}), opened.provenance
        return {
            "part": "cell",
            "seed": seed,
            "metric": stored["metric"],
            "metrics": stored["metrics"],
            "train_rows": made["train"]["rows"],
            "rows": made["dev"]["rows"],
            "baseline": made["baseline"],
            "stuck": made["seeds"][0]["stuck"],
            "seconds": time.monotonic() - begun,
        }

    def _key(self, trained: Trained, arm: Arm, column: Column, seed: int) -> str:
        task = column.task
        settings = flatten(self.plan.finetuning_of(arm, column))
        decides = {name: value for name, value in settings.items() if name not in FREE_TO_CHANGE}
        files = [self._digest(task.train), self._digest(task.dev), task.format]
        columns = task.chosen_columns().to_dict()
        depends = [trained.key, arm.share, column.kind, files, columns, decides, seed]
        return key_of(f"{arm.name}-{column.name}-{seed}", *depends)

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            self._digests[path] = digest_of_file(Path(path))
        return self._digests[path]


class _Muted:
    """Passes on how far it is; what is said once for every seed and row is left out, but for warnings."""

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
