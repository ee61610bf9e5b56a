"""Multiple choice behind the door that all tasks share.

Axes: R rows of a batch (one a choice), Q questions of a batch, C most choices of a question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

import numpy as np
from torch import Tensor, unique_consecutive
from torch import arange as torch_arange
from torch.nn import functional as F

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import ModelError, SettingsError
from bertwright.model.choice_classifier import ChoiceClassifier
from bertwright.model.task_model import TaskModel
from bertwright.tables.columns import Columns
from bertwright.tasks.adapted import AdaptedEncoder
from bertwright.tasks.batches import Features, TaskBatch
from bertwright.tasks.choose.answers import name_of
from bertwright.tasks.choose.decoding import Choice, by_question, decode
from bertwright.tasks.choose.encoding import SHORTEST, encode_questions
from bertwright.tasks.choose.metrics import choice_metrics
from bertwright.tasks.choose.question import Question, questions_of
from bertwright.tasks.choose.raw import open_source
from bertwright.tasks.choose.reading import answered, read_raw, settled_style, stream_of, unanswered
from bertwright.tasks.choose.settings import AnswerStyle
from bertwright.tasks.examples import ExampleFile, InputStream
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.stored import stored_length
from bertwright.tasks.task import Outputs, Posed
from bertwright.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class ChooseTask(AdaptedEncoder):
    """Questions with a few choices each to the right one."""

    tokenizer: Tokenizer
    columns: Columns
    max_length: int
    choices: tuple[str, ...] = ()
    """Columns of the choices; empty to guess them."""
    style: AnswerStyle = "index"
    count_from: int = 0

    kind: ClassVar[str] = "choose"
    default_length: ClassVar[int] = 256
    network: ClassVar[type[TaskModel]] = ChoiceClassifier
    rows_together: ClassVar[bool] = True

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
        """The task that the training file ``path`` poses.

        Raises:
            SettingsError: ``max_length`` leaves no room for a question and a choice.
            TableError: the file is wrong.
        """
        if max_length < SHORTEST:
            raise SettingsError(f"max_length: expected at least {SHORTEST}, got {max_length}")
        chosen = settings.choose
        names = tuple(name.strip() for name in (chosen.choices or "").split(",") if name.strip())
        given = bool(columns.given or columns.names or names)
        source = open_source(path, columns, names, given, format=format, labelled=True)
        raws = read_raw(source)
        style = settled_style(raws, chosen)
        train = answered(source, raws, style, chosen.count_from)
        task = cls(tokenizer, source.columns, max_length, source.choices, style, chosen.count_from)
        return Posed(task, train, () if source.guess is None else (source.guess,))

    @classmethod
    def of_folder(cls, folder: ModelFolder) -> Self:
        """The task that ``folder`` was saved with; another library's model has none of these settings.

        Raises:
            ModelError: what is stored is no such task.
        """
        stored = dict(folder.task or {})
        style, first = stored.get("answers", "index"), stored.get("count_from", 0)
        if style not in get_args(AnswerStyle):
            raise ModelError.at(folder.path, "index, letter or text", style, field="task.answers")
        if first not in (0, 1) or isinstance(first, bool):
            raise ModelError.at(folder.path, "0 or 1", first, field="task.count_from")
        choices = stored.get("choices", [])
        if not isinstance(choices, list) or not all(isinstance(name, str) for name in choices):
            raise ModelError.at(folder.path, "a list of columns", choices, field="task.choices")
        return cls(
            folder.tokenizer,
            Columns.from_dict(stored.get("columns") or {}),
            stored_length(folder, stored, shortest=SHORTEST),
            tuple(choices),
            style,
            first,
        )

    @property
    def num_outputs(self) -> int:
        """Outputs of the added layer."""
        return 1

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Accuracy decides."""
        return ("accuracy",)

    def to_dict(self) -> dict[str, Any]:
        """What is stored with a model: everything that decides about an answer besides its weights."""
        return {
            "kind": self.kind,
            "columns": self.columns.to_dict(),
            "choices": list(self.choices),
            "answers": self.style,
            "count_from": self.count_from,
            "max_length": self.max_length,
            "decoding": "softmax over choices",
        }

    # -- data ------------------------------------------------------------------------------------------------

    def read(
        self, path: Path, columns: Columns | None = None, *, format: str = "auto", labelled: bool = True
    ) -> ExampleFile[Question]:
        """The questions of ``path``; ``columns`` where they are not those of the task.

        Raises:
            TableError: the file, a question or an answer is wrong.
        """
        wanted = (columns or Columns()).or_else(self.columns)
        given = bool(columns and (columns.given or columns.names))
        source = open_source(path, wanted, self.choices, given, format=format, labelled=labelled)
        raws = read_raw(source)
        return answered(source, raws, self.style, self.count_from) if labelled else unanswered(source, raws)

    def stream(self, path: Path, columns: Columns | None = None, *, format: str = "auto") -> InputStream:
        """The questions of ``path``, without looking at their answers."""
        wanted = (columns or Columns()).or_else(self.columns)
        given = bool(columns and (columns.given or columns.names))
        return stream_of(open_source(path, wanted, self.choices, given, format=format, labelled=False))

    def inputs(self, rows: Sequence[Any]) -> list[Question]:
        """Pairs (question, choices), triples (context, question, choices), or mappings of those."""
        return questions_of(rows)

    def encode(self, rows: Sequence[Any]) -> list[Features]:
        """Rows for the model, one for each choice; the target is 1 for the right one."""
        return encode_questions(questions_of(rows), self.tokenizer, self.max_length)

    # -- model -----------------------------------------------------------------------------------------------

    def loss(self, logits: Tensor, batch: TaskBatch) -> Tensor:
        """Mean cross entropy over the choices of each question; logits (R, 1), targets (R,)."""
        _, question, counts = unique_consecutive(batch.examples, return_inverse=True, return_counts=True)
        rows = torch_arange(len(question), device=logits.device)
        place = rows - (counts.cumsum(0) - counts)[question]  # (R,): which choice of its question
        scores = logits.float().new_full((len(counts), int(counts.max())), float("-inf"))  # (Q, C)
        scores = scores.index_put((question, place), logits.float().squeeze(-1))
        return F.cross_entropy(scores, place[batch.known_targets == 1])

    def weight(self, batch: TaskBatch) -> float:
        """The number of questions."""
        return len(unique_consecutive(batch.examples))

    # -- answers ---------------------------------------------------------------------------------------------

    def decode(self, outputs: Outputs, features: Sequence[Features], rows: Sequence[Any]) -> list[Choice]:
        """The choice for every question."""
        return decode(outputs, features, questions_of(rows), self.style, self.count_from)

    def truth(self, example: Question) -> str | int | None:
        """The right choice as answers name it."""
        return None if example.target is None else name_of(example.target, self.style, self.count_from)

    def score(
        self, outputs: Outputs, features: Sequence[Features], examples: Sequence[Any]
    ) -> dict[str, float]:
        """Loss (mean cross entropy) and :func:`choice_metrics` of labelled questions."""
        logs = by_question(outputs, features)
        truth = [question.target for question in examples]
        loss = -np.mean([row[place] for row, place in zip(logs, truth, strict=True)])
        given, counts = [int(row.argmax()) for row in logs], [len(row) for row in logs]
        return choice_metrics(truth, given, counts) | {"loss": float(loss)}

    def baseline(self, train: Sequence[Features], dev: Sequence[Features]) -> dict[str, float]:
        """Accuracy on ``dev`` of always taking the place that is right most often in ``train``."""
        counts = Counter(_right_places(train))
        majority = min(counts, key=lambda place: (-counts[place], place))
        truth = _right_places(dev)
        return {"accuracy": sum(place == majority for place in truth) / len(truth)}

    def stuck(self, outputs: Outputs, features: Sequence[Features]) -> str | None:
        """A run that takes the same place in every question, though the right ones differ, is stuck."""
        given = {int(row.argmax()) for row in by_question(outputs, features)}
        if len(given) > 1 or len(set(_right_places(features))) < 2:
            return None
        return f"choice {name_of(given.pop(), self.style, self.count_from)} was taken in every question"


def _right_places(features: Sequence[Features]) -> list[int]:
    """Of every question, which of its choices is right."""
    places: dict[int, int] = {}
    seen: Counter[int] = Counter()
    for row in features:
        if row.target == 1:
            places[row.example] = seen[row.example]
        seen[row.example] += 1
    return list(places.values())
