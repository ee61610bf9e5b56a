"""What every kind of task provides; the training loop, evaluation and inference know nothing more about it.

A kind is a folder with the same files: ``reading`` (file -> examples), ``encoding`` (examples -> rows for
the model), ``decoding`` (outputs -> answers), ``metrics`` (answers and truth -> named numbers), ``settings``
(its own choices, where it has any), and ``task`` (the door to them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.model.task_model import TaskModel
from bertwright.tables.columns import Columns
from bertwright.tasks.batches import Features, TaskBatch
from bertwright.tasks.examples import AnyExample, ExampleFile, InputStream, drawn, overlap_warning
from bertwright.tokenization.tokenizer import Tokenizer

if TYPE_CHECKING:
    from bertwright.tasks.settings import FinetuneSettings

Outputs = Sequence[NDArray[np.float32]]
"""What the model gave for each row of features, in order: a vector for a whole row, a matrix for one by
token, cut to the row's length."""

T = TypeVar("T", bound="Task[Any]")
P = TypeVar("P", bound="Prediction")


@dataclass(frozen=True)
class Posed(Generic[T]):
    """A task as a training file poses it."""

    task: T
    train: ExampleFile[Any]
    remarks: tuple[str, ...] = ()
    """What was guessed."""
    warnings: tuple[str, ...] = ()
    features: list[Features] | None = None
    """What ``task`` makes of the examples of ``train``, where it was needed to pose the task."""

    @property
    def encoded(self) -> list[Features]:
        """The training rows for the model."""
        return self.task.encode(self.train.examples) if self.features is None else self.features

    def oddities(self, dev: ExampleFile[Any]) -> list[str]:
        """What is odd about the training rows, about those of ``dev``, and about both together."""
        return [*self.train.warnings, *self.warnings, *dev.warnings, *overlap_warning(self.train, dev)]

    def drawn(self, count: int | None) -> Posed[T]:
        """With at most ``count`` of the training rows (None: all); see :func:`examples.drawn`."""
        train = drawn(self.train, count)
        return self if train is self.train else replace(self, train=train, features=None)


class Prediction(Protocol):
    """The answer for one example."""

    @property
    def truncated(self) -> bool:
        """Whether the model did not see the whole text."""

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON."""


class Kind(Protocol):
    """How a task comes to be: a class of tasks, or the choice between several."""

    default_length: ClassVar[int]

    @classmethod
    def pose(
        cls,
        path: Path,
        columns: Columns,
        tokenizer: Tokenizer,
        max_length: int,
        format: str,
        settings: FinetuneSettings,
    ) -> Posed[Any]:
        """The task that a training file poses."""

    @classmethod
    def of_folder(cls, folder: ModelFolder) -> Any:
        """The task that a fine-tuned model was saved with."""


class Task(Protocol[P]):
    """One task, settled: its labels, columns and lengths are known, as they are stored with a model."""

    kind: ClassVar[str]
    default_length: ClassVar[int]
    """Longest row in pieces unless another is asked for."""
    network: ClassVar[type[TaskModel]]
    """The encoder and its output layer."""
    rows_together: ClassVar[bool]
    """Whether the rows of one example must share a training batch, because its loss is over all of them."""

    @property
    def num_outputs(self) -> int:
        """Of the output layer."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """What can decide which epoch is best, the default first; more is better for all of them."""

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def columns(self) -> Columns: ...

    @property
    def max_length(self) -> int: ...

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
        """The task that a training file poses.

        Args:
            settings: where each kind finds its own choices, under its name.
        """

    @classmethod
    def of_folder(cls, folder: ModelFolder) -> Self:
        """The task that a fine-tuned model was saved with."""

    def to_dict(self) -> dict[str, Any]:
        """What is stored with a model so that it can be evaluated and served."""

    # data

    def read(
        self, path: Path, columns: Columns | None = None, *, format: str = "auto", labelled: bool = True
    ) -> ExampleFile[Any]:
        """The examples of another file of the same task."""

    def stream(self, path: Path, columns: Columns | None = None, *, format: str = "auto") -> InputStream:
        """The rows of a file of any size whose answers are asked for; labels in it do not matter."""

    def inputs(self, rows: Sequence[Any]) -> list[Any]:
        """Inputs that did not come from a file, checked.

        Raises:
            InputError: naming the first row (from 0) that is none.
        """

    def encode(self, rows: Sequence[Any]) -> list[Features]:
        """Rows for the model, of examples or of inputs; a long one may give several."""

    # model

    def new_model(self, folder: ModelFolder, *, seed: int, from_scratch: bool = False) -> nn.Module:
        """The encoder of ``folder``, as attribute ``encoder``, with a new output layer."""

    def trained_model(self, folder: ModelFolder) -> nn.Module:
        """The model that was saved with this task."""

    def loss(self, logits: Tensor, batch: TaskBatch) -> Tensor:
        """Mean loss of a batch, a scalar."""

    def weight(self, batch: TaskBatch) -> float:
        """Over how much :meth:`loss` is a mean: what it counts where batches are added up."""

    def sealed(self, model: nn.Module) -> Self:
        """The task to be saved with ``model``, whose weights may be given their last change here."""

    # answers

    def fit(self, outputs: Outputs, features: Sequence[Features], examples: Sequence[AnyExample]) -> Self:
        """The task with what is fitted on development rows (a threshold); most have nothing to fit."""

    def decode(self, outputs: Outputs, features: Sequence[Features], rows: Sequence[Any]) -> list[P]:
        """The answer for every one of ``rows``, of which ``features`` were made, in order."""

    def truth(self, example: Any) -> Any:
        """What is true of a labelled example, in the words of an answer; as JSON."""

    def score(
        self, outputs: Outputs, features: Sequence[Features], examples: Sequence[Any]
    ) -> dict[str, float]:
        """Metrics of the answers to labelled examples, ``loss`` among them."""

    def baseline(self, train: Sequence[Features], dev: Sequence[Features]) -> dict[str, float]:
        """What is reached on ``dev`` without looking at the text."""

    def stuck(self, outputs: Outputs, features: Sequence[Features]) -> str | None:
        """Why a run with these answers has learned nothing (a sentence), or None."""
