"""The one settings file of a comparison: text, budget, rows, tasks, seeds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from bertwright.config.settings import Settings
from bertwright.data.prepare_settings import SegmenterName
from bertwright.model.config import Size
from bertwright.pretraining.config import LENGTHS as LENGTHS_OF_A_RUN
from bertwright.pretraining.config import PretrainingSettings
from bertwright.tables.columns import Columns
from bertwright.tasks.settings import FinetuneSettings

LENGTHS = ("tokens", *(f"pretraining.{name}" for name in LENGTHS_OF_A_RUN))
"""How long the pre-training of every row is: one of these is given, unless the rows say it."""

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,63}", re.ASCII)
_EXPECTED_NAME = "letters, digits and . _ + -, at most 64"


class SharedPretraining(PretrainingSettings):
    """Settings of pre-training, any of which may be left to another table; checked together only then."""

    size: Size = "mini"
    """The published size: tiny, mini, small, medium, base or large."""

    def _contradictions(self) -> Iterator[str]:
        yield from ()

    def given(self) -> dict[str, Any]:
        """What was said, as values for :class:`PretrainingSettings`."""
        return self.model_dump(exclude_unset=True)


class TaskSettings(Settings):
    """A column: a labelled task that every row is adapted to."""

    train: str
    """Labelled rows to learn from."""
    dev: str
    """Labelled rows to judge by: all rows of the table answer the same ones."""
    kind: str | None = None
    """classify, regress, tag, answer or choose, or the name of a published task; by default the table's name
    is one, as in [tasks.SST-2]."""
    text: str | None = None
    """The column with the texts, where it must be named."""
    text_pair: str | None = None
    """The column with the second texts of pairs."""
    label: str | None = None
    """The column with the labels."""
    columns: str | None = None
    """Names for the columns of files without header, separated by commas."""
    format: str = "auto"
    """tsv, csv, jsonl, parquet, squad or conll, where the names of the files do not say."""
    finetuning: FinetuneSettings = FinetuneSettings()
    """What this task does otherwise than the others, e.g. rows, max_length, epochs."""

    def chosen_columns(self) -> Columns:
        """As a fine-tuning takes them."""
        return Columns.of(self.text, self.text_pair, self.label, names=self.columns)


class ArmSettings(Settings):
    """A row of one's own, beside those of the paper."""

    title: str | None = None
    """What the table calls it; by default its name."""
    model: str | None = None
    """A model folder that is its encoder; then nothing is pre-trained for it."""
    pretraining: SharedPretraining = SharedPretraining()
    """What it does otherwise than the other rows while it is pre-trained."""
    finetuning: FinetuneSettings = FinetuneSettings()
    """What it does otherwise while it is adapted to a task."""


class ComparisonSettings(Settings):
    """Everything that decides a comparison; paths are as seen from where the command is started."""

    # the text, unless the encoder is given
    corpus: list[str] = Field(default_factory=list)
    """Files and directories of text."""
    vocabulary: str | None = None
    """A vocabulary folder; None learns one from the corpus."""
    vocabulary_size: Annotated[int, Field(ge=300, le=1_000_000)] = 8192
    """Tokens of the vocabulary that is learned."""
    cased: bool = False
    """Keep capital letters and accents in it."""
    language: str = "en"
    """Whose rules find the sentences of the corpus."""
    one_sentence_per_line: bool = False
    """Lines are sentences already."""
    words: SegmenterName | None = None
    """What finds the words of Chinese text (rjieba), for rows with whole_word; the tokens are the same."""
    store: str | None = None
    """A token store that `bertwright prepare` made, in place of a corpus."""

    # the rows
    model: str | None = None
    """compare features: the model folder whose layers are compared; None pre-trains one."""
    only: list[str] = Field(default_factory=list)
    """Names of the rows to have, in this order; the first is what the others are compared with. Empty is
    all of them."""
    arms: dict[str, ArmSettings] = Field(default_factory=dict)
    """Rows of one's own, by name."""
    points: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        default_factory=lambda: [0.1, 0.2, 0.4, 0.6, 0.8, 1.0], min_length=1
    )
    """compare steps: the shares of the run after which the model is tried."""

    # what every row is pre-trained with
    tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens that every row reads, padding not counted: a budget in place of pretraining.steps (as many
    updates for every row), pretraining.epochs or pretraining.budget (as much time)."""
    pretraining: SharedPretraining = SharedPretraining()
    """Settings of `bertwright pretrain`."""

    # the columns
    tasks: dict[str, TaskSettings] = Field(default_factory=dict)
    """Labelled tasks by name."""
    finetuning: FinetuneSettings = FinetuneSettings()
    """Settings of `bertwright finetune` that all tasks share."""
    seeds: list[Annotated[int, Field(ge=0)]] = Field(default_factory=lambda: [0, 1, 2], min_length=1)
    """Of fine-tuning: one run each, in every cell of the table."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Of the intervals; what is left is the level of the tests."""
    resamples: Annotated[int, Field(ge=10)] = 1000
    """Of the development rows, for the intervals; four times as many for the tests."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        found = [
            f"{group}.{name}: expected a name of {_EXPECTED_NAME} characters"
            for group in ("arms", "tasks")
            for name in getattr(self, group)
            if not _NAME.fullmatch(name)
        ]
        for name in ("seeds", "only", "points"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                found.append(f"{name}: expected each once, got {', '.join(map(str, values))}")
        if found:
            raise ValueError("; ".join(found))
        return self
