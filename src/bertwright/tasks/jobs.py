"""All runs of a fine-tuning, one after the other: the points of a search, then the seeds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bertwright.durable import UnfinishedWork
from bertwright.errors import NonFiniteError
from bertwright.progress import Progress
from bertwright.tasks.best_so_far import better
from bertwright.tasks.learned import Learned, LearnedStore
from bertwright.tasks.run import Materials, Run, run_seed
from bertwright.tasks.settings import FinetuneSettings

RunSeed = Callable[[Materials, int, str, Progress, Path], tuple[Run, Learned]]
_POINT = ("batch_size", "learning_rate", "epochs")


@dataclass(frozen=True)
class Point:
    """One point of a search and what it came to."""

    settings: FinetuneSettings
    run: Run | None
    """None when its loss was no number."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        values = {name: getattr(self.settings, name) for name in _POINT}
        return values | {"metrics": None if self.run is None else self.run.metrics}


@dataclass(frozen=True)
class Results:
    """What all runs came to."""

    settings: FinetuneSettings
    """Of the runs: what was asked for, with the best point of the search."""
    runs: tuple[Run, ...]
    best: Run
    learned: Learned
    """Of the best run."""
    points: tuple[Point, ...]
    """Of the search, in order; empty without one."""
    learning_rate: float
    """Of the runs."""


class Jobs:
    """Runs the jobs that are not done yet.

    Args:
        materials: shared by all runs.
        seeds: one run each, at the best point if there is a search.
        search: try every point of the grid with the first seed before.
        work: where finished jobs and the best weights are kept.
        run: does one job: of materials, seed, description, progress and a folder for its state.
    """

    def __init__(
        self,
        materials: Materials,
        seeds: Sequence[int],
        search: bool,
        work: UnfinishedWork,
        progress: Progress,
        run: RunSeed | None = None,
    ) -> None:
        self._run = run or run_seed
        self._materials, self._seeds = materials, list(seeds)
        self._work, self._progress = work, progress
        self._done = 0
        self._best: Run | None = None
        self._best_number = 0  # of its job, from 1
        self._learned: Learned | None = None
        self._store = LearnedStore(work.directory)
        config = materials.folder.config
        self._grid = materials.settings.grid_for(config) if search else []
        self._total = len(self._grid) + len(self._seeds) - bool(self._grid)

    def run(self) -> Results:
        """Everything.

        Raises:
            NonFiniteError: the loss of a run, or of every point of a search, is no number.
            Interrupted: a signal asked to stop; what is done was kept.
        """
        settings, seeds = self._materials.settings, self._seeds
        runs: list[Run] = []
        points = [self._try(point, number) for number, point in enumerate(self._grid, 1)]
        if points:
            settings, first = self._best_of(points)
            runs, seeds = [first], seeds[1:]
        for seed in seeds:
            runs.append(self._one(settings, seed, f"fine-tuning, seed {len(runs) + 1} of {len(self._seeds)}"))
        if self._best is None:
            raise ValueError("expected at least one run")
        if self._learned is None:  # of a run that an earlier process did
            task, folder = self._materials.task, self._materials.folder
            self._learned = self._store.load(self._best_number, task, folder)
        rate = settings.rate_for(self._materials.folder.config)
        return Results(settings, tuple(runs), self._best, self._learned, tuple(points), rate)

    def _try(self, settings: FinetuneSettings, number: int) -> Point:
        """One point of the search; one that diverges is named and left out."""
        chosen = ", ".join(f"{name} {getattr(settings, name):g}" for name in _POINT)
        description = f"search, {number} of {len(self._grid)}: {chosen}"
        try:
            return Point(settings, self._one(settings, self._seeds[0], description))
        except NonFiniteError as problem:
            self._progress.say(f"{description}: {problem.message}")
            return Point(settings, None)

    def _best_of(self, points: Sequence[Point]) -> tuple[FinetuneSettings, Run]:
        for point in points:
            if point.run is not None and point.run is self._best:
                return point.settings, point.run
        raise NonFiniteError("no point of the search has a finite loss: try lower rates")

    def _one(self, settings: FinetuneSettings, seed: int, description: str) -> Run:
        """The next job, done here or by an earlier process."""
        self._done += 1
        number = self._done
        if number <= len(self._work.records):
            return self._done_before(number)
        folder = self._work.directory / f"run-{number}"
        materials = replace(self._materials, settings=settings)
        last = self._done == self._total  # then it is written as the model at once
        try:
            run, learned = self._run(materials, seed, description, self._progress, folder)
        except NonFiniteError as problem:
            if not last:
                self._work.add({"run": None, "problem": problem.message})
            raise
        if self._is_best(run, number):
            self._learned = learned
            if not last:
                self._store.save(number, learned)
        if not last:
            self._work.add({"run": run.to_dict()})
            self._store.keep_only(self._best_number)
            shutil.rmtree(folder, ignore_errors=True)
        return run

    def _done_before(self, number: int) -> Run:
        record = self._work.records[number - 1]
        if record["run"] is None:
            raise NonFiniteError(record["problem"])
        run = Run.from_dict(record["run"])
        self._is_best(run, number)
        return run

    def _is_best(self, run: Run, number: int) -> bool:
        """Whether it is the best so far, which it is then."""
        if not better(self._materials.metric, run.metrics, {} if self._best is None else self._best.metrics):
            return False
        self._best, self._best_number, self._learned = run, number, None
        return True
