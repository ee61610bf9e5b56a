"""Classification behind the door that all tasks share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.losses import classification_loss
from bertwright.model.task_model import TaskModel
from bertwright.tables.columns import Columns, choose_table
from bertwright.tasks.adapted import AdaptedEncoder
from bertwright.tasks.batches import Features, TaskBatch
from bertwright.tasks.classify.decoding import Classification, decode, log_probabilities
from bertwright.tasks.classify.encoding import TextRow, encode_rows
from bertwright.tasks.classify.metrics import classification_metrics
from bertwright.tasks.classify.reading import (
    ClassExample,
    check_labels,
    labels_of,
    rare_label_warning,
    read_examples,
)
from bertwright.tasks.classify.weighting import class_weights
from bertwright.tasks.examples import (
    Example,
    ExampleFile,
    InputStream,
    text_inputs,
    text_stream,
)
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.stored import stored_labels, stored_length
from bertwright.tasks.task import Outputs, Posed
from bertwright.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class ClassifyTask(AdaptedEncoder):
    """Texts or pairs to one of several labels."""

    tokenizer: Tokenizer
    labels: tuple[str, ...]
    columns: Columns
    max_length: int
    class_weights: tuple[float, ...] | None = None
    """What each label counts in training; not stored, as it decides about no answer."""

    kind: ClassVar[str] = "classify"
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
        """The task that the training file ``path`` poses: its labels are those that occur in it."""
        chosen = choose_table(path, columns, format=format)
        train = read_examples(chosen)
        labels = labels_of(train)
        weights = class_weights(settings.class_weights, labels, (row.target for row in train.examples))
        task = cls(tokenizer, labels, chosen.columns, max_length, weights)
        remarks = () if chosen.guess is None else (chosen.guess,)
        return Posed(task, train, remarks, rare_label_warning(train, not chosen.columns.has_header))

    @classmethod
    def of_folder(cls, folder: ModelFolder) -> Self:
        """The task that ``folder`` was saved with; another library's classifier has labels and nothing else.

        Raises:
            ModelError: what is stored is no classification task.
        """
        stored = dict(folder.task or {})
        labels, max_length = stored_labels(folder, stored), stored_length(folder, stored)
        return cls(folder.tokenizer, labels, Columns.from_dict(stored.get("columns") or {}), max_length)

    @property
    def num_outputs(self) -> int:
        """Outputs of the added layer."""
        return len(self.labels)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Accuracy decides unless another is asked for."""
        names = ("accuracy", "f1_macro", "f1_weighted", "matthews_correlation")
        return (*names, "f1", "accuracy_and_f1") if len(self.labels) == 2 else names

    def to_dict(self) -> dict[str, Any]:
        """What is stored with a model: everything that decides about an answer besides its weights."""
        return {
            "kind": self.kind,
            "labels": list(self.labels),
            "problem_type": "single_label_classification",
            "columns": self.columns.to_dict(),
            "max_length": self.max_length,
            "decoding": "softmax",
        }

    # -- data ------------------------------------------------------------------------------------------------

    def read(
        self, path: Path, columns: Columns | None = None, *, format: str = "auto", labelled: bool = True
    ) -> ExampleFile[ClassExample]:
        """The examples of ``path``; ``columns`` where they are not those of the task.

        Raises:
            TableError: the file is wrong, or has a label that the task does not know.
        """
        chosen = choose_table(
            path, (columns or Columns()).or_else(self.columns), format=format, labelled=labelled
        )
        file = read_examples(chosen)
        if labelled:
            check_labels(file, self.labels)
        return file

    def stream(self, path: Path, columns: Columns | None = None, *, format: str = "auto") -> InputStream:
        """The texts of ``path``."""
        wanted = (columns or Columns()).or_else(self.columns)
        return text_stream(choose_table(path, wanted, format=format, labelled=False))

    def inputs(self, rows: Sequence[Any]) -> list[Any]:
        """Texts and pairs of texts."""
        return text_inputs(rows, self.columns)

    def encode(self, rows: Sequence[TextRow | Example[str]]) -> list[Features]:
        """Rows for the model, one for each text, pair or example; the target is the number of the label."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        targets = [numbers.get(row.target or "") if isinstance(row, Example) else None for row in rows]
        texts = [row.texts if isinstance(row, Example) else row for row in rows]
        return encode_rows(texts, self.tokenizer, self.max_length, targets)

    # -- model -----------------------------------------------------------------------------------------------

    def loss(self, logits: Tensor, batch: TaskBatch) -> Tensor:
        """Mean cross entropy, weighted where classes have weights; logits (B, C), targets (B,)."""
        return classification_loss(logits, batch.known_targets, weights=self.class_weights)

    def weight(self, batch: TaskBatch) -> float:
        """The number of rows, each counted as much as its class."""
        if self.class_weights is None:
            return super().weight(batch)
        return float(torch.tensor(self.class_weights)[batch.known_targets.cpu()].sum())

    # -- answers ---------------------------------------------------------------------------------------------

    def decode(
        self, outputs: Outputs, features: Sequence[Features], rows: Sequence[Any]
    ) -> list[Classification]:
        """The label of every row."""
        return decode(_matrix(outputs), self.labels, [row.truncated for row in features])

    def score(
        self, outputs: Outputs, features: Sequence[Features], examples: Sequence[Example[Any]]
    ) -> dict[str, float]:
        """Loss (mean cross entropy) and :func:`classification_metrics` of labelled rows."""
        logits = _matrix(outputs)
        truth = np.array([row.target for row in features])
        loss = -log_probabilities(logits)[np.arange(len(truth)), truth].mean()
        metrics = classification_metrics(truth, logits.argmax(axis=1), len(self.labels))
        return metrics | {"loss": float(loss)}

    def baseline(self, train: Sequence[Features], dev: Sequence[Features]) -> dict[str, float]:
        """The metrics on ``dev`` of always giving the most frequent label of ``train``."""
        counts = Counter(row.target for row in train)
        majority = min(counts, key=lambda label: (-counts[label], label))
        truth = np.array([row.target for row in dev])
        return classification_metrics(truth, np.full_like(truth, majority), len(self.labels))

    def stuck(self, outputs: Outputs, features: Sequence[Features]) -> str | None:
        """A run that gives every row the same label, though the rows have several, has learned nothing."""
        given = set(_matrix(outputs).argmax(axis=1).tolist())
        if len(given) > 1 or len({row.target for row in features}) < 2:
            return None
        return f"every row was given the label {self.labels[given.pop()]!r}"


def _matrix(outputs: Outputs) -> NDArray[np.float32]:
    return np.asarray(outputs, dtype=np.float32)
