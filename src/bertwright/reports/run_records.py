"""What a run folder holds, as values that the report is written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.data.objectives import Objective, objective_of
from bertwright.durable import LogFile
from bertwright.errors import InputError
from bertwright.pretraining.filled_blank import FilledBlank

_LIMIT = 16 << 20


@dataclass(frozen=True)
class AdaptationRow:
    """One way to learn a task, over several seeds."""

    method: str
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Adaptation:
    """A labelled task and how well each way learned it."""

    task: str
    metric: str
    rows: tuple[AdaptationRow, ...]


@dataclass(frozen=True)
class RunRecords:
    """A pre-training run, read."""

    path: Path
    settings: Mapping[str, Any]
    facts: Mapping[str, Any]
    """What it was begun with: version, digests of text and vocabulary, precision."""
    training: Sequence[Mapping[str, Any]]
    """Log records of training steps, in order."""
    evaluations: Sequence[Mapping[str, Any]]
    """Log records of held-out evaluations, in order."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Empty while the run is not finished."""
    blanks: Sequence[FilledBlank] = ()
    vocabulary: Mapping[str, Any] | None = None

    @property
    def asks(self) -> Objective:
        """What it was trained to predict, and to judge."""
        return objective_of(self.settings)


def read_run(path: Path, vocabulary: Path | None = None) -> RunRecords:
    """The run in ``path``; parts that a run may lack (summary, blanks) stay empty.

    Args:
        vocabulary: the ``report.json`` of the vocabulary, to be shown with it.

    Raises:
        InputError: it is not a run folder, or one of its files is malformed.
    """
    if not (path / "metrics.jsonl").exists():
        got = "no metrics.jsonl in it" if path.is_dir() else "nothing there"
        raise InputError.at(path, "a run folder of `bertwright pretrain`", got)
    records = list(LogFile(path / "metrics.jsonl").records())
    return RunRecords(
        path=path,
        settings=_optional(path / "settings.json") or {},
        facts=_optional(path / "run.json") or {},
        training=[record for record in records if record.get("kind") == "train"],
        evaluations=[record for record in records if record.get("kind") == "evaluation"],
        summary=_optional(path / "summary.json") or {},
        blanks=[FilledBlank.from_dict(item) for item in _optional(path / "blanks.json") or ()],
        vocabulary=strict_json.load(vocabulary, max_bytes=_LIMIT) if vocabulary else None,
    )


def _optional(path: Path) -> Any:
    return strict_json.load(path, max_bytes=_LIMIT) if path.exists() else None
