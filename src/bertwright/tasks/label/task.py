"""Classification with any number of labels behind the door that all tasks share.

Axes: B rows of a batch, C labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import ModelError
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.task_model import TaskModel
from bertwright.tables.columns import Columns, choose_table
from bertwright.tasks.adapted import AdaptedEncoder
from bertwright.tasks.batches import Features, TaskBatch
from bertwright.tasks.classify.encoding import TextRow, encode_rows
from bertwright.tasks.examples import AnyExample, Example, ExampleFile, InputStream, text_inputs, text_stream
from bertwright.tasks.label.decoding import Labelled, decode, probabilities
from bertwright.tasks.label.metrics import label_metrics
from bertwright.tasks.label.reading import SEPARATOR, LabelExample, check_labels, labels_of, read_labels
from bertwright.tasks.label.thresholds import DEFAULT, fitted_thresholds
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.stored import stored_labels, stored_length
from bertwright.tasks.task import Outputs, Posed
from bertwright.tokenization.tokenizer import Tokenizer

FLAT = 0.01
"""A run whose probabilities vary less than this over the rows gives one answer for all of them."""


@dataclass(frozen=True)
class LabelTask(AdaptedEncoder):
    """Texts or pairs to any number of labels."""

    tokenizer: Tokenizer
    labels: tuple[str, ...]
    columns: Columns
    max_length: int
    thresholds: tuple[float, ...]
    """Of each label: it is given from this probability on."""
    separator: str = SEPARATOR
    fits: bool = False
    """Whether the thresholds are fitted to the development rows."""

    kind: ClassVar[str] = "multi-label"
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
        separator = settings.classify.separator or SEPARATOR
        train = read_labels(chosen, separator)
        labels = labels_of(train)
        thresholds = (DEFAULT,) * len(labels)
        fits = settings.classify.fit_threshold
        task = cls(tokenizer, labels, chosen.columns, max_length, thresholds, separator, fits)
        remarks = [f"{path.name}: rows have any number of {len(labels)} labels"]
        return Posed(task, train, (*([chosen.guess] if chosen.guess else []), *remarks))

    @classmethod
    def of_folder(cls, folder: ModelFolder) -> Self:
        """The task that ``folder`` was saved with; another library's classifier has labels and nothing else.

        Raises:
            ModelError: what is stored is no such task.
        """
        stored = dict(folder.task or {})
        labels = stored_labels(folder, stored, least=1)
        thresholds = stored.get("thresholds", [DEFAULT] * len(labels))
        numbers = isinstance(thresholds, list) and all(
            isinstance(value, float) and 0.0 <= value <= 1.0 for value in thresholds
        )
        if not numbers or len(thresholds) != len(labels):
            expected = f"{len(labels)} numbers from 0 to 1"
            raise ModelError.at(folder.path, expected, thresholds, field="task.thresholds")
        separator = stored.get("separator", SEPARATOR)
        if not isinstance(separator, str) or not separator:
            raise ModelError.at(folder.path, "a text", separator, field="task.separator")
        columns = Columns.from_dict(stored.get("columns") or {})
        length = stored_length(folder, stored)
        return cls(folder.tokenizer, labels, columns, length, tuple(thresholds), separator)

    @property
    def num_outputs(self) -> int:
        """Outputs of the added layer."""
        return len(self.labels)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """F1 over all labels of all rows decides unless another is asked for."""
        return ("f1_micro", "f1_macro", "f1_samples", "exact_match")

    def to_dict(self) -> dict[str, Any]:
        """What is stored with a model: everything that decides about an answer besides its weights."""
        return {
            "kind": "classify",
            "labels": list(self.labels),
            "problem_type": "multi_label_classification",
            "columns": self.columns.to_dict(),
            "max_length": self.max_length,
            "thresholds": list(self.thresholds),
            "separator": self.separator,
            "decoding": "sigmoid",
        }

    # -- data ------------------------------------------------------------------------------------------------

    def read(
        self, path: Path, columns: Columns | None = None, *, format: str = "auto", labelled: bool = True
    ) -> ExampleFile[LabelExample]:
        """The examples of ``path``; ``columns`` where they are not those of the task.

        Raises:
            TableError: the file is wrong, or has a label that the task does not know.
        """
        wanted = (columns or Columns()).or_else(self.columns)
        file = read_labels(choose_table(path, wanted, format=format, labelled=labelled), self.separator)
        check_labels(file, self.labels)
        return file

    def stream(self, path: Path, columns: Columns | None = None, *, format: str = "auto") -> InputStream:
        """The texts of ``path``."""
        wanted = (columns or Columns()).or_else(self.columns)
        return text_stream(choose_table(path, wanted, format=format, labelled=False))

    def inputs(self, rows: Sequence[Any]) -> list[Any]:
        """Texts and pairs of texts."""
        return text_inputs(rows, self.columns)

    def encode(self, rows: Sequence[TextRow | Example[tuple[str, ...]]]) -> list[Features]:
        """Rows for the model, one for each text, pair or example; the target is 1 for labels it has (C,)."""
        texts = [row.texts if isinstance(row, Example) else row for row in rows]
        targets = [self._indicator(row.target) if isinstance(row, Example) else None for row in rows]
        return encode_rows(texts, self.tokenizer, self.max_length, targets)

    def _indicator(self, labels: tuple[str, ...] | None) -> NDArray[np.float32] | None:
        if labels is None:
            return None
        return np.array([label in labels for label in self.labels], dtype=np.float32)

    # -- model -----------------------------------------------------------------------------------------------

    def loss(self, logits: Tensor, batch: TaskBatch) -> Tensor:
        """Mean binary cross entropy; logits and targets (B, C)."""
        return F.binary_cross_entropy_with_logits(logits.float(), batch.known_targets.float())

    # -- answers ---------------------------------------------------------------------------------------------

    def fit(self, outputs: Outputs, features: Sequence[Features], examples: Sequence[AnyExample]) -> Self:
        """With the thresholds of the highest F1, where that was asked for."""
        if not self.fits:
            return self
        return replace(self, thresholds=fitted_thresholds(probabilities(outputs), _truth(features)))

    def decode(self, outputs: Outputs, features: Sequence[Features], rows: Sequence[Any]) -> list[Labelled]:
        """The labels of every row."""
        return decode(outputs, self.labels, self.thresholds, [row.truncated for row in features])

    def score(
        self, outputs: Outputs, features: Sequence[Features], examples: Sequence[Example[Any]]
    ) -> dict[str, float]:
        """Loss (mean binary cross entropy) and :func:`label_metrics` of labelled rows."""
        truth, logits = _truth(features), np.asarray(outputs, dtype=np.float64)
        loss = np.logaddexp(0.0, np.where(truth, -logits, logits)).mean()
        return label_metrics(truth, self._given(outputs)) | {"loss": float(loss)}

    def baseline(self, train: Sequence[Features], dev: Sequence[Features]) -> dict[str, float]:
        """What always giving the most frequent set of labels of ``train`` reaches on ``dev``."""
        counts = Counter(tuple(row.target.tolist()) for row in train)
        majority = min(counts, key=lambda labels: (-counts[labels], labels))
        truth = _truth(dev)
        return label_metrics(truth, np.broadcast_to(np.array(majority) > 0, truth.shape))

    def stuck(self, outputs: Outputs, features: Sequence[Features]) -> str | None:
        """A run whose answers do not depend on the row, though the rows differ, has learned nothing."""
        several = len(np.unique(_truth(features), axis=0)) > 1
        given = np.unique(self._given(outputs), axis=0)
        if not several or len(given) > 1 or probabilities(outputs).std(axis=0).max() >= FLAT:
            return None
        shown = ", ".join(label for label, has in zip(self.labels, given[0], strict=True) if has)
        return f"every row was given the labels {shown}" if shown else "every row was given no label"

    def _given(self, outputs: Outputs) -> NDArray[np.bool_]:
        return np.asarray(probabilities(outputs) >= np.array(self.thresholds), dtype=np.bool_)


def _truth(features: Sequence[Features]) -> NDArray[np.bool_]:
    return np.array([row.target for row in features]) > 0
