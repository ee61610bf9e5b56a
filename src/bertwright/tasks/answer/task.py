"""Span question answering behind the door that all tasks share.

Axes: B rows of a batch, S positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import ModelError, SettingsError
from bertwright.model.span_classifier import SpanClassifier
from bertwright.model.task_model import TaskModel
from bertwright.tables.columns import Columns
from bertwright.tasks.adapted import AdaptedEncoder
from bertwright.tasks.answer.baseline import text_free_baseline
from bertwright.tasks.answer.decoding import Answer, best_spans, decode
from bertwright.tasks.answer.encoding import encode_questions
from bertwright.tasks.answer.metrics import units_for
from bertwright.tasks.answer.questions import Question, questions_of
from bertwright.tasks.answer.reading import (
    for_scoring,
    for_training,
    open_questions,
    read_questions,
    without,
)
from bertwright.tasks.answer.remarks import remarks_on, warnings_about
from bertwright.tasks.answer.scoring import best_f1, fitted_threshold, metrics_of, span_loss
from bertwright.tasks.answer.settings import AnswerSettings, Units
from bertwright.tasks.batches import Features, TaskBatch
from bertwright.tasks.examples import ExampleFile, InputStream
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.stored import stored_length
from bertwright.tasks.task import Outputs, Posed
from bertwright.tokenization.tokenizer import Tokenizer

SHORTEST = 5
"""[CLS], [SEP] and [SEP], a piece of the question and one of the passage."""
_STORED = ("doc_stride", "max_query_length", "max_answer_length", "n_best")


@dataclass(frozen=True)
class AnswerTask(AdaptedEncoder):
    """Questions about passages to the spans that answer them, or to none."""

    tokenizer: Tokenizer
    columns: Columns
    max_length: int
    settings: AnswerSettings
    units: Units
    threshold: float | None
    """Of the odds of no answer, above which there is none; None when every question gets an answer."""

    kind: ClassVar[str] = "answer"
    default_length: ClassVar[int] = 384
    network: ClassVar[type[TaskModel]] = SpanClassifier
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
        """The task that the training file ``path`` poses: with unanswerable questions or without.

        Raises:
            SettingsError: ``max_length`` leaves no room for a question and a passage.
        """
        if max_length < SHORTEST:
            raise SettingsError(f"max_length: expected at least {SHORTEST}, got {max_length}")
        chosen = settings.answer
        source = open_questions(path, columns, columns, format=format, labelled=True)
        train = for_training(read_questions(source), chosen.drop_misaligned)
        units = chosen.units
        if units == "auto":
            units = units_for(answer.text for row in train.examples for answer in row.answers or ())
        threshold = 0.0 if any(question.is_impossible for question in train.examples) else None
        task = cls(tokenizer, source.columns, max_length, chosen, units, threshold)
        remarks = () if source.guess is None else (source.guess,)
        features = encode_questions(train.examples, tokenizer, max_length, chosen)
        if nowhere := {row.example for row in features if row.target is None}:
            train = without(train, nowhere)
            features = encode_questions(train.examples, tokenizer, max_length, chosen)
        remarks = (*remarks, *remarks_on(train, units, chosen))
        return Posed(task, train, remarks, warnings_about(path.name, features), list(features))

    @classmethod
    def of_folder(cls, folder: ModelFolder) -> Self:
        """The task that ``folder`` was saved with; another library's model has none of these settings.

        Raises:
            ModelError: what is stored is no such task.
        """
        stored = dict(folder.task or {})
        usual = min(cls.default_length, folder.config.max_position_embeddings)
        max_length = stored_length(folder, {"max_length": usual, **stored}, shortest=SHORTEST)
        threshold = stored.get("null_threshold")
        if threshold is not None and (not isinstance(threshold, (int, float)) or isinstance(threshold, bool)):
            raise ModelError.at(folder.path, "a number or null", threshold, field="task.null_threshold")
        units = stored.get("units", "words")
        if units not in ("words", "characters"):
            raise ModelError.at(folder.path, "words or characters", units, field="task.units")
        try:
            settings = AnswerSettings(**{name: stored[name] for name in _STORED if name in stored})
        except ValidationError as problem:
            first = problem.errors()[0]
            field = f"task.{first['loc'][0]}"
            raise ModelError.at(folder.path, "a whole number from 1", first["input"], field=field) from None
        columns = Columns.from_dict(stored.get("columns") or {})
        return cls(folder.tokenizer, columns, max_length, settings, units, threshold)

    @property
    def num_outputs(self) -> int:
        """Outputs of the added layer."""
        return 2

    @property
    def metric_names(self) -> tuple[str, ...]:
        """F1 decides unless exact match is asked for."""
        return ("f1", "exact_match")

    def to_dict(self) -> dict[str, Any]:
        """What is stored with a model: everything that decides about an answer besides its weights."""
        return {
            "kind": self.kind,
            "columns": self.columns.to_dict(),
            "max_length": self.max_length,
            **{name: getattr(self.settings, name) for name in _STORED},
            "units": self.units,
            "null_threshold": self.threshold,
            "decoding": "span",
        }

    # -- data ------------------------------------------------------------------------------------------------

    def read(
        self, path: Path, columns: Columns | None = None, *, format: str = "auto", labelled: bool = True
    ) -> ExampleFile[Question]:
        """The questions of ``path``; ``columns`` where they are not those of the task.

        Raises:
            TableError: the file or one of its questions is wrong.
        """
        wanted = (columns or Columns()).or_else(self.columns)
        file = read_questions(open_questions(path, wanted, columns, format=format, labelled=labelled))
        return for_scoring(file) if labelled else file

    def stream(self, path: Path, columns: Columns | None = None, *, format: str = "auto") -> InputStream:
        """The questions of ``path``, without looking at their answers."""
        wanted = (columns or Columns()).or_else(self.columns)
        source = open_questions(path, wanted, columns, format=format, labelled=False)
        return InputStream(source.columns, source.guess, source.rows)

    def inputs(self, rows: Sequence[Any]) -> list[Question]:
        """Pairs (question, passage), or mappings with ``question``, ``context`` and perhaps ``id``."""
        return questions_of(rows)

    def encode(self, rows: Sequence[Any]) -> list[Features]:
        """Rows for the model: one or more windows of each question's passage."""
        return list(encode_questions(questions_of(rows), self.tokenizer, self.max_length, self.settings))

    # -- model -----------------------------------------------------------------------------------------------

    def loss(self, logits: Tensor, batch: TaskBatch) -> Tensor:
        """Mean of the cross entropies of start and end; logits (B, S, 2), targets (B, 2).

        Over the real positions: the original also counts padding, so that there a row's loss depends on
        the longest row beside it, and part of the training goes into telling padding from text.
        """
        scores = logits.float()
        if batch.attention_mask is not None:
            scores = scores.masked_fill(~batch.attention_mask[:, :, None], float("-inf"))
        by_end = scores.transpose(1, 2).flatten(0, 1)  # (2 B, S)
        return F.cross_entropy(by_end, batch.known_targets.flatten())

    # -- answers ---------------------------------------------------------------------------------------------

    def fit(self, outputs: Outputs, features: Sequence[Any], examples: Sequence[Any]) -> Self:
        """With the threshold that gives the highest F1 on ``examples``; without one nothing is fitted."""
        if self.threshold is None:
            return self
        answers = decode(outputs, features, self.settings, 0.0)
        return replace(self, threshold=fitted_threshold(answers, examples, self.units))

    def decode(self, outputs: Outputs, features: Sequence[Any], rows: Sequence[Any]) -> list[Answer]:
        """The answer to every question."""
        return decode(outputs, features, self.settings, self.threshold)

    def score(self, outputs: Outputs, features: Sequence[Any], examples: Sequence[Any]) -> dict[str, float]:
        """Exact match and F1 from 0 to 1, over all questions and over those with and without answer; loss.

        ``best_f1`` is what the best threshold for these very questions would give.
        """
        answers = self.decode(outputs, features, examples)
        metrics = metrics_of(answers, examples, self.units, may_lack=self.threshold is not None)
        if self.threshold is not None:
            metrics["best_f1"] = best_f1(answers, examples, self.units)
        return metrics | {"loss": span_loss(outputs, features)}

    def baseline(self, train: Sequence[Any], dev: Sequence[Any]) -> dict[str, float]:
        """What is reached by one answer for all questions, the better on ``train``: none, or one place."""
        return text_free_baseline(train, dev, self.units, may_lack=self.threshold is not None)

    def stuck(self, outputs: Outputs, features: Sequence[Any]) -> str | None:
        """A run that finds all answers at the same place, of rows or of passages, has learned nothing.

        A threshold that lets no answer pass says less: how well places are found is another matter.
        """
        spans = best_spans(outputs, features, self.settings)
        places = {(span.start, span.end) for span, _ in spans}
        pieces = {(row.piece(span.start), row.piece(span.end)) for span, row in spans}
        if len(spans) > 1 and 1 in (len(places), len(pieces)):
            return "all answers are at the same place"
        return None
