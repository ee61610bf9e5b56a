"""Published tasks by name: which kind of task each is, which columns its files have, what decides.

Sources: the task files of GLUE (Wang et al. 2018) and its instructions for submissions, the papers of SQuAD,
CoNLL-2003 and SWAG.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import UsageError, did_you_mean
from bertwright.tables.columns import Columns
from bertwright.tables.formats import first_cells
from bertwright.tasks.kinds import KINDS
from bertwright.tasks.settings import FinetuneSettings

_GUESSED = Columns()


@dataclass(frozen=True)
class Preset:
    """What a name stands for; options of a command come first."""

    name: str
    """As its authors write it; empty for a plain kind of task."""
    kind: str
    metric: str | None = None
    """What decides; None for the kind's own."""
    columns: Columns = _GUESSED
    """Of the labelled files; empty to guess them."""
    test_columns: Columns = _GUESSED
    """Of the files without labels, where they differ."""
    submissions: tuple[str, ...] = ()
    """Names of the files that GLUE's server takes for it."""
    submission_header: str | None = None
    """The first line of a submission, where the task has one and the kind has not."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Choices of the kind that belong to the data."""

    def columns_for(self, columns: Columns) -> Columns:
        """``columns``, and the preset's own for what is not named in them."""
        return columns.or_else(self.columns)

    def unlabelled_columns(self, path: Path, *, format: str = "auto") -> Columns:
        """Of a file to be answered: :attr:`test_columns`, where it has them; else empty."""
        wanted = self.test_columns.given
        if wanted and set(wanted) <= set(first_cells(path, format=format)):
            return self.test_columns
        return Columns()

    def settings_for(self, settings: FinetuneSettings) -> FinetuneSettings:
        """``settings`` with the preset's metric and choices where they say nothing else."""
        changes: dict[str, Any] = {}
        if settings.metric is None and self.metric is not None:
            changes["metric"] = self.metric
        own = getattr(settings, self.kind, None)
        if self.settings and own is not None:
            fresh = {name: value for name, value in self.settings.items() if getattr(own, name) is None}
            values = own.model_dump() | fresh
            changes[self.kind] = type(own)(**values) if _in_order(values) else own
        return settings.model_copy(update=changes)


def preset_of(name: str) -> Preset:
    """What ``name`` stands for: a published task, however its letters and hyphens are written, or a kind.

    Raises:
        UsageError: neither; the nearest name is said.
    """
    if name in KINDS:
        return Preset("", name)
    found = _BY_PLAIN.get(_plain(name))
    if found is not None:
        return found
    names = [*KINDS, *(preset.name for preset in PRESETS)]
    raise UsageError(f"expected a task among {', '.join(names)}, got {name!r}{did_you_mean(name, names)}")


def stored_preset(folder: ModelFolder) -> Preset:
    """The published task that a model was fine-tuned for; an empty one where none is named."""
    stored = (folder.task or {}).get("preset")
    found = _BY_PLAIN.get(_plain(stored)) if isinstance(stored, str) else None
    return found or Preset("", str((folder.task or {}).get("kind", "")))


def _plain(name: str) -> str:
    return re.sub(r"[\s._-]", "", name).lower()


def _in_order(values: dict[str, Any]) -> bool:
    """Whether a range that is half the user's and half the preset's is one."""
    low, high = values.get("minimum"), values.get("maximum")
    return low is None or high is None or low < high


_PAIR = Columns("sentence1", "sentence2", "label")
_MNLI = Columns("sentence1", "sentence2", "gold_label")

PRESETS: tuple[Preset, ...] = (
    Preset(
        "CoLA",
        "classify",
        "matthews_correlation",
        Columns("4", None, "2"),  # its labelled files have no header, its test file has one
        Columns("sentence"),
        submissions=("CoLA.tsv",),
    ),
    Preset("SST-2", "classify", "accuracy", Columns("sentence", None, "label"), submissions=("SST-2.tsv",)),
    Preset(
        "MRPC",
        "classify",
        "accuracy_and_f1",
        Columns("#1 String", "#2 String", "Quality"),
        submissions=("MRPC.tsv",),
    ),
    Preset(
        "STS-B",
        "regress",
        "pearson_and_spearman",
        Columns("sentence1", "sentence2", "score"),
        submissions=("STS-B.tsv",),
        settings={"minimum": 0.0, "maximum": 5.0},
    ),
    Preset(
        "QQP",
        "classify",
        "accuracy_and_f1",
        Columns("question1", "question2", "is_duplicate"),
        submissions=("QQP.tsv",),
    ),
    Preset(
        "QNLI", "classify", "accuracy", Columns("question", "sentence", "label"), submissions=("QNLI.tsv",)
    ),
    Preset("RTE", "classify", "accuracy", _PAIR, submissions=("RTE.tsv",)),
    Preset("WNLI", "classify", "accuracy", _PAIR, submissions=("WNLI.tsv",)),
    Preset("MNLI", "classify", "accuracy", _MNLI, submissions=("MNLI-m.tsv", "MNLI-mm.tsv", "AX.tsv")),
    Preset("AX", "classify", "matthews_correlation", _MNLI, submissions=("AX.tsv",)),  # learned from MNLI
    Preset("SQuAD-v1.1", "answer", "f1"),
    Preset("SQuAD-v2.0", "answer", "f1"),
    Preset("CoNLL-2003", "tag", "f1", settings={"last_column": True}),  # behind part of speech and chunk
    Preset("SWAG", "choose", "accuracy", submission_header=",pred"),
)

_OTHER_NAMES = {
    "squad": "SQuAD-v1.1",
    "squadv1": "SQuAD-v1.1",
    "squad11": "SQuAD-v1.1",
    "squad1": "SQuAD-v1.1",
    "squadv2": "SQuAD-v2.0",
    "squad20": "SQuAD-v2.0",
    "squad2": "SQuAD-v2.0",
    "conll03": "CoNLL-2003",
    "sst": "SST-2",
}
_BY_PLAIN = {_plain(preset.name): preset for preset in PRESETS}
_BY_PLAIN |= {other: _BY_PLAIN[_plain(name)] for other, name in _OTHER_NAMES.items()}
