"""The cells of the table: a row's encoder adapted to a column's task, once a seed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.comparison.answers import Answers
from bertwright.comparison.encoders import Trained
from bertwright.comparison.plan import Arm, Column, Plan
from bertwright.comparison.seed_run import SeedRun, run_apart
from bertwright.comparison.work import Work, key_of
from bertwright.config.settings import flatten
from bertwright.durable import digest_of_file
from bertwright.errors import Interrupted
from bertwright.execution.local import map_as_done
from bertwright.progress import Progress
from bertwright.statistics.measures import Measure
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
        workers: processes that fine-tune at the same time and share the threads of this one.
    """

    plan: Plan
    seeds: Sequence[int]
    work: Work
    progress: Progress
    workers: int = 1
    _digests: dict[str, str] = field(default_factory=dict)

    def cells(self, encoders: Mapping[str, Trained]) -> dict[tuple[str, str], Cell]:
        """All cells, by the names of row and column.

        Raises:
            InputError: a labelled file, or its settings, are wrong.
            NonFiniteError: a training diverged.
            Interrupted: a signal asked to stop; the state was saved.
        """
        places = [(arm, column) for arm in self.plan.arms for column in self.plan.columns]
        asked = [
            [self._seed_run(encoders[arm.encoder], arm, column, seed) for seed in self.seeds]
            for arm, column in places
        ]
        self._do([seed_run for several in asked for seed_run in several])
        return {
            (arm.name, column.name): Cell(
                arm,
                column,
                tuple(self.work.record(seed_run.key) for seed_run in several),
                tuple(seed_run.answers for seed_run in several),
            )
            for (arm, column), several in zip(places, asked, strict=True)
        }

    def measures(self, cell: Cell, encoder: ModelFolder) -> list[Measure]:
        """The metrics of every seed of a cell, as functions of the development rows.

        Args:
            encoder: the model of the row, before it was adapted.
        """
        task = cell.column.task
        answers = (Answers.load(place) for place in cell.places)
        return [found.measure(encoder, Path(task.dev), task.format) for found in answers]

    def _do(self, asked: Sequence[SeedRun]) -> None:
        """What no earlier process did."""
        missing = [seed_run for seed_run in asked if self.work.find(seed_run.key) is None]
        workers = min(self.workers, len(missing))
        if workers > 1:
            self._at_once(missing, workers)
            return
        for number, seed_run in enumerate(asked, 1):
            if self.work.find(seed_run.key) is None:
                self.progress.say(f"fine-tuning {number} of {len(asked)}: {seed_run.title}")
                self._keep(seed_run, seed_run.run(self.progress))

    def _at_once(self, missing: Sequence[SeedRun], workers: int) -> None:
        """``missing`` in several processes; what one of them has finished when another fails is not lost."""
        function = partial(run_apart, max(1, torch.get_num_threads() // workers))
        found = map_as_done(function, missing, workers=workers, describe=lambda seed_run: seed_run.title)
        self.progress.start(f"fine-tuning, {workers} at once", len(missing), "runs")
        try:
            with closing(found):
                for seed_run, (record, lines) in found:
                    for line in lines:
                        self.progress.say(f"{seed_run.title}: {line}")
                    self._keep(seed_run, record)
                    self.progress.advance(1, seed_run.title)
        except (KeyboardInterrupt, Interrupted) as problem:
            raise Interrupted.by(problem, "stopped; what is done is kept, go on with --resume") from None
        self.progress.finish()

    def _keep(self, seed_run: SeedRun, record: Mapping[str, Any]) -> None:
        self.work.add(seed_run.key, record)
        shutil.rmtree(seed_run.folder, ignore_errors=True)

    def _seed_run(self, trained: Trained, arm: Arm, column: Column, seed: int) -> SeedRun:
        task, settings = column.task, self.plan.finetuning_of(arm, column)
        decides = {name: value for name, value in flatten(settings).items() if name not in FREE_TO_CHANGE}
        files = [self._digest(task.train), self._digest(task.dev), task.format]
        columns = task.chosen_columns().to_dict()
        depends = [trained.key, arm.share, column.kind, files, columns, decides, seed]
        key = key_of(f"{arm.name}-{column.name}-{seed}", *depends)
        return SeedRun(
            key=key,
            title=f"{arm.title} on {column.title}, seed {seed}",
            model=trained.model(arm.share),
            kind=column.kind,
            task=task,
            settings=settings,
            seed=seed,
            folder=self.work.folder("cells", key),
            answers=self.work.folder("answers", key),
        )

    def _digest(self, path: str) -> str:
        if path not in self._digests:
            self._digests[path] = digest_of_file(Path(path))
        return self._digests[path]
