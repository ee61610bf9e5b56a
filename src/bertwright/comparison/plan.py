"""What is to be done: encoders, the rows that use them, the columns that they are tried on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bertwright.comparison.paper import PaperTable
from bertwright.comparison.settings import TaskSettings
from bertwright.pretraining.config import PretrainingSettings
from bertwright.tasks.settings import WITHOUT_FEATURES, FinetuneSettings


@dataclass(frozen=True)
class Draft:
    """A row as a table of the paper names it, before the settings of the user are joined with it."""

    name: str
    title: str
    pretraining: Mapping[str, Any] = field(default_factory=dict)
    """What its pre-training has otherwise than the others'."""
    finetuning: Mapping[str, Any] = field(default_factory=dict)
    """What its fine-tuning has otherwise."""
    encoder: str = ""
    """Name of its encoder, where several rows share one; by default its own."""
    share: float = 1.0
    """How much of the run its encoder has done."""
    model: str | None = None
    """A model folder that is its encoder."""
    against: str | None = None
    """The row that it is compared with; None is the first."""


@dataclass(frozen=True)
class Encoder:
    """A pre-training, or a model that is given."""

    name: str
    settings: PretrainingSettings | None
    """None for a given one."""
    model: Path | None = None
    tokens: int | None = None
    """That it reads; None where the settings say how long."""


@dataclass(frozen=True)
class Arm:
    """A row of the table."""

    name: str
    title: str
    encoder: str
    share: float
    finetuning: Mapping[str, Any]
    against: str | None
    """None for the row that others are compared with."""


@dataclass(frozen=True)
class Column:
    """A task in one of the ways to learn it."""

    name: str
    title: str
    task: TaskSettings
    kind: str
    """The kind of task or the name of a published one."""
    finetuning: Mapping[str, Any] = field(default_factory=dict)
    """What this way has otherwise."""


@dataclass(frozen=True)
class Plan:
    """A comparison, settled but for what the text decides."""

    kind: str
    title: str
    encoders: Sequence[Encoder]
    arms: Sequence[Arm]
    columns: Sequence[Column]
    paper: PaperTable
    shared: FinetuneSettings
    """Of fine-tuning, in all cells."""

    def encoder_of(self, arm: Arm) -> Encoder:
        """The encoder that a row uses."""
        return next(encoder for encoder in self.encoders if encoder.name == arm.encoder)

    def finetuning_of(self, arm: Arm, column: Column) -> FinetuneSettings:
        """The recipe of a cell: the paper's metric < what all share < the task's < the column's < the row's.

        On features, what all rows or the task say of fine-tuning is not for this cell.
        """
        metric = {"metric": self.paper.metric_of(column.kind)}
        general = joined(
            joined(metric, self.shared.model_dump(exclude_unset=True)),
            column.task.finetuning.model_dump(exclude_unset=True),
        )
        own = joined(column.finetuning, arm.finetuning)
        if joined(general, own).get("method") == "features":
            general = {name: value for name, value in general.items() if name not in WITHOUT_FEATURES}
        return FinetuneSettings.model_validate(joined(general, own))

    def place_of(self, arm: Arm, column: Column) -> str:
        """Where the settings say it, for what is wrong with a cell's recipe."""
        return f"tasks.{column.name}.finetuning with the row {arm.name}"


def joined(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with those of ``others`` in their place, tables inside tables joined alike."""
    result = dict(values)
    for name, value in others.items():
        before = result.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        result[name] = joined(before, value) if both else value  # type: ignore[arg-type]
    return result
