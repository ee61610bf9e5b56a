"""Regression behind the door that all tasks share.

The model learns standardized numbers, whatever their range; before it is saved, mean and deviation go into
its output layer, so that the stored model gives the number itself.

Axes: B rows of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import ModelError
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.task_model import TaskModel
from bertwright.tables.columns import Columns, choose_table
from bertwright.tasks.adapted import AdaptedEncoder
from bertwright.tasks.batches import Features, TaskBatch
from bertwright.tasks.classify.encoding import TextRow, encode_rows
from bertwright.tasks.examples import Example, ExampleFile, InputStream, text_inputs, text_stream
from bertwright.tasks.regress.decoding import Estimate, values
from bertwright.tasks.regress.metrics import regression_metrics
from bertwright.tasks.regress.reading import (
    SCORES,
    NumberExample,
    coarseness_warning,
    read_numbers,
    spread_of,
)
from bertwright.tasks.regress.settings import RegressSettings
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.stored import stored_length, stored_number
from bertwright.tasks.task import Outputs, Posed
from bertwright.tokenization.tokenizer import Tokenizer

FLAT = 0.01
"""Answers that differ by less than this share of the labels' deviation are one answer for all rows."""


@dataclass(frozen=True)
class RegressTask(AdaptedEncoder):
    """Texts or pairs to a number, which is ``scale`` times the model's output plus ``offset``."""

    tokenizer: Tokenizer
    columns: Columns
    max_length: int
    offset: float = 0.0
    scale: float = 1.0
    settings: RegressSettings = field(default_factory=RegressSettings)

    kind: ClassVar[str] = "regress"
    default_length: ClassVar[int] = 128
    network: ClassVar[type[TaskModel]] = SequenceClassifier
    rows_together: ClassVar[bool] = False

    @classmethod
    def pose(
        cls,
        path: Path,
        columns: Columns,
        tokenizer: Tokenizer,
        max_length: int,
        format: str,
        settings: FinetuneSettings,
    ) -> Posed[Self]:
        """The task that the training file ``path`` poses: its numbers' mean and deviation are the scale.

        Raises:
            TableError: the file is wrong, or all its numbers are equal.
        """
        chosen = choose_table(path, columns, format=format, labels=SCORES)
        train = read_numbers(chosen, settings.regress)
        mean, deviation = spread_of(train)
        task = cls(tokenizer, chosen.columns, max_length, mean, deviation, settings.regress)
        remarks = () if chosen.guess is None else (chosen.guess,)
        return Posed(task, train, remarks, coarseness_warning(train, mean, deviation))

    @classmethod
    def of_folder(cls, folder: ModelFolder) -> Self:
        """The task that ``folder`` was saved with; another library's model gives the number as it is.

        Raises:
            ModelError: what is stored is no regression task.
        """
        stored = dict(folder.task or {})
        names = ("minimum", "maximum", "clip")
        try:
            settings = RegressSettings(**{name: stored[name] for name in names if name in stored})
        except ValidationError as problem:
            expected = "a range of numbers"
            raise ModelError.at(folder.path, expected, problem.errors()[0]["input"], field="task") from None
        return cls(
            folder.tokenizer,
            Columns.from_dict(stored.get("columns") or {}),
            stored_length(folder, stored),
            stored_number(folder, stored, "offset", 0.0),
            stored_number(folder, stored, "scale", 1.0),
            settings,
        )

    @property
    def num_outputs(self) -> int:
        """Outputs of the added layer."""
        return 1

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The mean of both correlations decides, as in GLUE."""
        return ("pearson_and_spearman", "pearson", "spearman")

    def to_dict(self) -> dict[str, Any]:
        """What is stored with a model: everything that decides about an answer besides its weights."""
        return {
            "kind": self.kind,
            "problem_type": "regression",
            "columns": self.columns.to_dict(),
            "max_length": self.max_length,
            "offset": self.offset,
            "scale": self.scale,
            **self.settings.model_dump(),
            "decoding": "number",
        }

    # -- data ------------------------------------------------------------------------------------------------

    def read(
        self, path: Path, columns: Columns | None = None, *, format: str = "auto", labelled: bool = True
    ) -> ExampleFile[NumberExample]:
        """The examples of ``path``; ``columns`` where they are not those of the task.

        Raises:
            TableError: the file is wrong, or has a label that is no number.
        """
        wanted = (columns or Columns()).or_else(self.columns)
        chosen = choose_table(path, wanted, format=format, labelled=labelled, labels=SCORES)
        return read_numbers(chosen, self.settings)

    def stream(self, path: Path, columns: Columns | None = None, *, format: str = "auto") -> InputStream:
        """The texts of ``path``."""
        wanted = (columns or Columns()).or_else(self.columns)
        return text_stream(choose_table(path, wanted, format=format, labelled=False))

    def inputs(self, rows: Sequence[Any]) -> list[Any]:
        """Texts and pairs of texts."""
        return text_inputs(rows, self.columns)

    def encode(self, rows: Sequence[TextRow | Example[float]]) -> list[Features]:
        """Rows for the model, one for each text, pair or example; the target is the standardized number."""
        texts = [row.texts if isinstance(row, Example) else row for row in rows]
        targets = [self._standardized(row.target) if isinstance(row, Example) else None for row in rows]
        return encode_rows(texts, self.tokenizer, self.max_length, targets)

    def _standardized(self, number: float | None) -> np.float32 | None:
        return None if number is None else np.float32((number - self.offset) / self.scale)

    # -- model -----------------------------------------------------------------------------------------------

    def loss(self, logits: Tensor, batch: TaskBatch) -> Tensor:
        """Mean squared error of standardized numbers; logits (B, 1), targets (B,)."""
        return F.mse_loss(logits.float().squeeze(-1), batch.known_targets.float())

    def sealed(self, model: nn.Module) -> Self:
        """With scale and offset in the output layer: what ``model`` gives is the number itself."""
        layer = model.get_submodule("head.output")
        with torch.no_grad():
            for name, shift in (("weight", 0.0), ("bias", self.offset)):
                parameter = layer.get_parameter(name)
                parameter.copy_(parameter.double() * self.scale + shift)
        return replace(self, offset=0.0, scale=1.0)

    # -- answers ---------------------------------------------------------------------------------------------

    def decode(self, outputs: Outputs, features: Sequence[Features], rows: Sequence[Any]) -> list[Estimate]:
        """The number for every row."""
        found = values(outputs, self.offset, self.scale, self.settings)
        return [Estimate(value, row.truncated) for value, row in zip(found.tolist(), features, strict=True)]

    def score(
        self, outputs: Outputs, features: Sequence[Features], examples: Sequence[Example[Any]]
    ) -> dict[str, float]:
        """:func:`regression_metrics` of the answers; ``loss`` is the squared error before any clipping."""
        truth = np.array([example.target for example in examples], dtype=np.float64)
        metrics = regression_metrics(truth, values(outputs, self.offset, self.scale, self.settings))
        raw = values(outputs, self.offset, self.scale, RegressSettings())
        return metrics | {"loss": float(((truth - raw) ** 2).mean())}

    def baseline(self, train: Sequence[Features], dev: Sequence[Features]) -> dict[str, float]:
        """What the mean of ``train`` reaches on ``dev``; without differences there is no correlation."""
        mean = np.mean([row.target for row in train], dtype=np.float64)
        truth = np.array([row.target for row in dev], dtype=np.float64) * self.scale
        return regression_metrics(truth, np.full(len(dev), mean * self.scale))

    def stuck(self, outputs: Outputs, features: Sequence[Features]) -> str | None:
        """A run that gives every row the same number, though the rows have several, has learned nothing."""
        wanted = np.std([row.target for row in features], dtype=np.float64)
        given = np.asarray(outputs, dtype=np.float64)
        if wanted == 0 or given.std() > FLAT * wanted:
            return None
        return f"every row was given the number {given.mean() * self.scale + self.offset:.4g}"
