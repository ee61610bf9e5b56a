"""Tagging behind the door that all tasks share.

Axes: B rows of a batch, S positions, C tags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import ModelError
from bertwright.model.task_model import TaskModel
from bertwright.model.token_classifier import TokenClassifier
from bertwright.tables.columns import Columns
from bertwright.tasks.adapted import AdaptedEncoder
from bertwright.tasks.batches import Features, TaskBatch
from bertwright.tasks.classify.decoding import log_probabilities
from bertwright.tasks.examples import ExampleFile, InputStream
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.stored import stored_labels, stored_length
from bertwright.tasks.tag.decoding import Tagging, decode, words_logits, words_targets
from bertwright.tasks.tag.encoding import NO_TAG, encode_sentences
from bertwright.tasks.tag.metrics import entity_metrics, tag_metrics
from bertwright.tasks.tag.reading import SentenceSource, check_tags, open_sentences, read_sentences
from bertwright.tasks.tag.remarks import scheme_remark, tags_in, unreadable_warning
from bertwright.tasks.tag.schemes import Scheme, scheme_of, types_of
from bertwright.tasks.tag.sentences import Sentence, sentences_of, split_text
from bertwright.tasks.tag.settings import TagSettings
from bertwright.tasks.task import Outputs, Posed
from bertwright.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class TagTask(AdaptedEncoder):
    """Every word of a sentence to one of several tags."""

    tokenizer: Tokenizer
    labels: tuple[str, ...]
    columns: Columns
    max_length: int
    settings: TagSettings = field(default_factory=TagSettings)
    by_character: bool = False
    """Whether plain text is cut into its characters, as in training; else into words."""

    kind: ClassVar[str] = "tag"
    default_length: ClassVar[int] = 128
    network: ClassVar[type[TaskModel]] = TokenClassifier
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
        """The task that the training file ``path`` poses: its tags are those that occur in it."""
        unsettled = cls(tokenizer, (), Columns(), max_length, settings.tag, by_character=True)
        source = unsettled._open(path, columns, format, labelled=True)
        train = read_sentences(source, repair=settings.tag.repair_bio)
        labels = tags_in(train)
        characters = all(len(word) == 1 for sentence in train.examples for word in sentence.words)
        task = replace(unsettled, labels=labels, columns=source.columns, by_character=characters)
        remarks = [] if source.guess is None else [source.guess]
        remarks.append(scheme_remark(path.name, labels, task.scheme))
        if characters:
            remarks.append(f"{path.name}: every word is one character: plain text will be cut the same way")
        return Posed(task, train, tuple(remarks), unreadable_warning(path.name, train.examples, tokenizer))

    @classmethod
    def of_folder(cls, folder: ModelFolder) -> Self:
        """The task that ``folder`` was saved with; another library's model has tags and nothing else.

        Raises:
            ModelError: what is stored is no tagging task.
        """
        stored = dict(folder.task or {})
        labels, max_length = stored_labels(folder, stored), stored_length(folder, stored)
        stride = stored.get("stride")
        if stride is not None and (not isinstance(stride, int) or isinstance(stride, bool) or stride < 1):
            raise ModelError.at(folder.path, "a whole number from 1, or null", stride, field="task.stride")
        switches = {name: stored.get(name, False) for name in ("repair_bio", "by_character")}
        for name, value in switches.items():
            if not isinstance(value, bool):
                raise ModelError.at(folder.path, "true or false", value, field=f"task.{name}")
        return cls(
            folder.tokenizer,
            labels,
            Columns.from_dict(stored.get("columns") or {}),
            max_length,
            TagSettings(stride=stride, repair_bio=switches["repair_bio"]),
            switches["by_character"],
        )

    @property
    def scheme(self) -> Scheme:
        """How the tags spell entities."""
        return scheme_of(self.labels)

    @property
    def num_outputs(self) -> int:
        """Outputs of the added layer."""
        return len(self.labels)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """F1 of entities decides; accuracy where tags spell none."""
        if self.scheme == "plain":
            return ("accuracy", "f1_macro", "f1_weighted")
        names = ("f1", "precision", "recall", "f1_macro", "f1_weighted", "accuracy")
        return (*names, "f1_strict") if self.scheme == "IOB2" else names

    def to_dict(self) -> dict[str, Any]:
        """What is stored with a model: everything that decides about an answer besides its weights."""
        return {
            "kind": self.kind,
            "labels": list(self.labels),
            "scheme": self.scheme,
            "columns": self.columns.to_dict(),
            "max_length": self.max_length,
            "stride": self.settings.stride,
            "repair_bio": self.settings.repair_bio,
            "by_character": self.by_character,
            "decoding": "first piece of each word",
        }

    # -- data ------------------------------------------------------------------------------------------------

    def read(
        self, path: Path, columns: Columns | None = None, *, format: str = "auto", labelled: bool = True
    ) -> ExampleFile[Sentence]:
        """The sentences of ``path``; ``columns`` where they are not those of the task.

        Raises:
            TableError: the file is wrong, or has a tag that the task does not know.
        """
        source = self._open(path, columns or Columns(), format, labelled=labelled)
        file = read_sentences(source, repair=self.settings.repair_bio)
        if labelled:
            check_tags(file, self.labels)
        unreadable = unreadable_warning(path.name, file.examples, self.tokenizer)
        return replace(file, warnings=(*file.warnings, *unreadable))

    def stream(self, path: Path, columns: Columns | None = None, *, format: str = "auto") -> InputStream:
        """The sentences of ``path``, without looking at their tags."""
        source = self._open(path, columns or Columns(), format, labelled=False)
        return InputStream(source.columns, source.guess, source.rows)

    def inputs(self, rows: Sequence[Any]) -> list[Sentence]:
        """Texts, or lists of words."""
        return sentences_of(rows, self.tokenizer.basic, self.by_character)

    def encode(self, rows: Sequence[Any]) -> list[Features]:
        """Rows for the model: one or more windows of each sentence."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        sentences = self.inputs(rows)
        return list(
            encode_sentences(sentences, self.tokenizer, self.max_length, self.settings.stride, numbers)
        )

    def _open(self, path: Path, columns: Columns, format: str, *, labelled: bool) -> SentenceSource:
        def split(text: str, line: int) -> Sentence:
            return split_text(text, self.tokenizer.basic, self.by_character, line)

        return open_sentences(
            path,
            columns,
            self.columns,
            format=format,
            labelled=labelled,
            split=split,
            last_column=bool(self.settings.last_column),
        )

    # -- model -----------------------------------------------------------------------------------------------

    def loss(self, logits: Tensor, batch: TaskBatch) -> Tensor:
        """Mean cross entropy over the words of the batch; logits (B, S, C), targets (B, S)."""
        targets = batch.known_targets.flatten()
        return F.cross_entropy(logits.float().flatten(0, 1), targets, ignore_index=NO_TAG)

    def weight(self, batch: TaskBatch) -> float:
        """The number of words."""
        return int((batch.known_targets != NO_TAG).sum())

    # -- answers ---------------------------------------------------------------------------------------------

    def decode(self, outputs: Outputs, features: Sequence[Any], rows: Sequence[Any]) -> list[Tagging]:
        """The tags of every sentence."""
        spells = self.scheme != "plain"
        return decode(outputs, features, self.inputs(rows), self.labels, spells_entities=spells)

    def score(self, outputs: Outputs, features: Sequence[Any], examples: Sequence[Any]) -> dict[str, float]:
        """Loss (mean cross entropy of a word), and the metrics of entities or of plain tags."""
        logits, truth = words_logits(outputs, features), words_targets(features)
        loss = -log_probabilities(logits)[np.arange(len(truth)), truth].mean()
        taggings = self.decode(outputs, features, examples)
        return self._metrics([one.tags for one in examples], [one.tags for one in taggings]) | {
            "loss": float(loss)
        }

    def baseline(self, train: Sequence[Any], dev: Sequence[Any]) -> dict[str, float]:
        """What is reached on ``dev`` by giving every word the most frequent tag of ``train``."""
        counts = Counter(words_targets(train).tolist())
        majority = self.labels[min(counts, key=lambda number: (-counts[number], number))]
        sentences: dict[int, list[str]] = {}
        for row in dev:  # the windows of a sentence, and the words of each, come in order
            tags = [self.labels[number] for number in row.target[row.places].tolist()]
            sentences.setdefault(row.example, []).extend(tags)
        truth = list(sentences.values())
        return self._metrics(truth, [[majority] * len(tags) for tags in truth])

    def stuck(self, outputs: Outputs, features: Sequence[Any]) -> str | None:
        """A run that gives every word the same tag, though the words have several, has learned nothing."""
        given = set(words_logits(outputs, features).argmax(axis=1).tolist())
        if len(given) > 1 or len(np.unique(words_targets(features))) < 2:
            return None
        return f"every word was given the tag {self.labels[given.pop()]!r}"

    def _metrics(self, truth: Sequence[Sequence[str]], given: Sequence[Sequence[str]]) -> dict[str, float]:
        if self.scheme == "plain":
            return tag_metrics(truth, given, self.labels)
        return entity_metrics(truth, given, types_of(self.labels), strict=self.scheme == "IOB2")
