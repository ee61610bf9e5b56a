"""What a fine-tuning came to, over all its seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.tasks.jobs import Point
from bertwright.tasks.run import Run


@dataclass(frozen=True)
class Spread:
    """One metric over several seeds."""

    mean: float
    deviation: float | None
    """Sample standard deviation; None for a single seed."""
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), deviation, min(values), max(values))

    def to_dict(self) -> dict[str, float | None]:
        """As JSON."""
        return {
            "mean": self.mean,
            "deviation": self.deviation,
            "lowest": self.lowest,
            "highest": self.highest,
        }


@dataclass(frozen=True)
class FinetuneSummary:
    """The outcome of :func:`bertwright.tasks.finetuning.finetune`."""

    kind: str
    method: str
    """``finetune`` or ``features``."""
    metric: str
    """What decided which epoch and which seed is best."""
    runs: tuple[Run, ...]
    best: Run
    """The run whose weights were saved."""
    points: tuple[Point, ...]
    """What a search tried; empty without one."""
    baseline: dict[str, float]
    """What is reached without looking at the text."""
    rows: int
    """Development rows."""
    truncated: int
    """Development rows of which the model did not see the whole text."""
    train_rows: int
    train_truncated: int
    batch_size: int
    num_epochs: int
    learning_rate: float
    """Of the runs: as asked for, or the best of the search."""
    warnings: tuple[str, ...]
    seconds: float
    output: Path

    @property
    def metrics(self) -> dict[str, float]:
        """Of the saved model, on the development rows."""
        return self.best.metrics

    @property
    def recipe(self) -> dict[str, int | float]:
        """What a search decides."""
        return {
            "batch_size": self.batch_size,
            "epochs": self.num_epochs,
            "learning_rate": self.learning_rate,
        }

    @property
    def unchosen(self) -> tuple[Run, ...]:
        """The runs but for the first where a search chose it for its figures, and there are others."""
        return (self.runs[1:] if self.points else ()) or self.runs

    @property
    def spread(self) -> dict[str, Spread]:
        """Of every metric over the seeds of :attr:`unchosen`."""
        return {name: Spread.of([run.metrics[name] for run in self.unchosen]) for name in self.best.metrics}

    def to_dict(self) -> dict[str, Any]:
        """As ``finetune --json`` prints it."""
        return {
            "metrics": self.metrics,
            "rows": self.rows,
            "truncated": self.truncated,
            "train_rows": self.train_rows,
            "train_truncated": self.train_truncated,
            "output": str(self.output),
            "method": self.method,
            "metric": self.metric,
            "best_seed": self.best.seed,
            "seeds": [run.to_dict() for run in self.runs],
            "spread_seeds": [run.seed for run in self.unchosen],
            "spread": {name: spread.to_dict() for name, spread in self.spread.items()},
            "baseline": self.baseline,
            **self.recipe,
            "search": [point.to_dict() for point in self.points],
            "warnings": list(self.warnings),
            "seconds": self.seconds,
        }
