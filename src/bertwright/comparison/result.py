"""What a comparison came to, as values and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright import __version__
from bertwright.comparison.cells import Cell
from bertwright.comparison.members import FORMAT
from bertwright.comparison.paper import PERPLEXITY, published_name
from bertwright.comparison.plan import Arm, Column, Plan
from bertwright.comparison.settings import ComparisonSettings
from bertwright.config.settings import flatten, leaves
from bertwright.statistics.paired import Difference, significant
from bertwright.tasks.summary import Spread


@dataclass(frozen=True)
class Score:
    """A cell, compared."""

    cell: Cell
    difference: Difference | None
    """To the row that it is compared with; None for that row itself."""
    paper: float | None
    """The paper's figure, in per cent."""

    def to_dict(self, level: float) -> dict[str, Any]:
        """As JSON; ``level`` is that of the test."""
        found, cell = self.difference, self.cell
        first = cell.records[0]
        compared: dict[str, Any] = {"against": cell.arm.against if found else None}
        if found is not None:
            compared |= {
                "difference": found.difference,
                "interval": found.interval.to_list(),
                "p_value": found.p_value,
                "significant": significant(found.p_value, level),
            }
        return {
            "metric": cell.metric,
            **Spread.of(cell.values).to_dict(),
            "seeds": [
                {name: record[name] for name in ("seed", "metrics", "stuck")} for record in cell.records
            ],
            **{name: first[name] for name in ("train_rows", "rows")},
            "baseline": first["baseline"].get(cell.metric),
            "seconds": sum(record["seconds"] for record in cell.records),
            **compared,
            "paper": self.paper,
        }


@dataclass(frozen=True)
class Comparison:
    """The whole table."""

    plan: Plan
    settings: ComparisonSettings
    figures: Mapping[str, Mapping[str, Any]]
    """Of every row, what its pre-training came to."""
    scores: Mapping[tuple[str, str], Score]
    """By names of row and column."""
    warnings: Sequence[str]
    seconds: float
    output: Path

    @property
    def level(self) -> float:
        """Below this a p-value is significant."""
        return 1.0 - self.settings.confidence

    def to_dict(self) -> dict[str, Any]:
        """As ``compare --json`` prints it, and as ``comparison.json`` keeps it."""
        tests = sum(score.difference is not None for score in self.scores.values())
        return {
            "format": FORMAT,
            "version": __version__,
            "comparison": self.plan.kind,
            "title": self.plan.title,
            "columns": [self._column(column) for column in self.plan.columns],
            "rows": [self._row(arm) for arm in self.plan.arms],
            "paper": {"source": self.plan.paper.source, "says": self.plan.paper.says},
            "seeds": list(self.settings.seeds),
            "confidence": self.settings.confidence,
            "tests": tests,
            "significant_by_chance": round(tests * self.level, 3),
            "settings": _said(self.settings),
            "warnings": list(self.warnings),
            "seconds": self.seconds,
        }

    def _column(self, column: Column) -> dict[str, Any]:
        return {
            "name": column.name,
            "title": column.title,
            "task": published_name(column.kind),
            "method": column.finetuning.get("method", "finetune"),
        }

    def _row(self, arm: Arm) -> dict[str, Any]:
        encoder = self.plan.encoder_of(arm)
        return {
            "name": arm.name,
            "title": arm.title,
            "encoder": arm.encoder,
            "share": arm.share,
            "model": None if encoder.model is None else str(encoder.model),
            "pretraining": dict(self.figures[arm.name]),
            "paper_perplexity": self.plan.paper.value(arm.name, PERPLEXITY),
            "scores": {
                column.name: self.scores[arm.name, column.name].to_dict(self.level)
                for column in self.plan.columns
            },
        }


def _said(settings: ComparisonSettings) -> dict[str, Any]:
    """What was asked for, without all that was left at its default."""
    given = settings.model_dump(mode="json", exclude_unset=True)
    names = leaves(given).keys()
    return {name: value for name, value in flatten(settings).items() if name in names}
