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
_TYPES: Mapping[str, tuple[type, ...]] = {"a number": (int, float), "text": (str,), "a list": (list,)}


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
    records = _logged(path / "metrics.jsonl")
    return RunRecords(
        path=path,
        settings=_optional(path / "settings.json"),
        facts=_optional(path / "run.json"),
        training=[record for record in records if record["kind"] == "train"],
        evaluations=[record for record in records if record["kind"] == "evaluation"],
        summary=_optional(path / "summary.json"),
        blanks=_blanks(path / "blanks.json"),
        vocabulary=_object(vocabulary, {"size": "a number"}) if vocabulary else None,
    )


def _logged(path: Path) -> list[Mapping[str, Any]]:
    fields = {"step": "a number", "kind": "text"}
    records = enumerate(LogFile(path).records(), 1)
    return [_checked(record, path, fields, line=number) for number, record in records]


def _blanks(path: Path) -> list[FilledBlank]:
    if not path.exists():
        return []
    found = strict_json.load(path, max_bytes=_LIMIT)
    if not isinstance(found, list):
        raise InputError.at(path, "a list of blanks", found)
    fields = {"before": "text", "truth": "text", "after": "text", "guesses": "a list"}
    for blank in found:
        for guess in _checked(blank, path, fields)["guesses"]:
            _checked(guess, path, {"token": "text", "probability": "a number"}, within="guesses.")
    return [FilledBlank.from_dict(blank) for blank in found]


def _optional(path: Path) -> Mapping[str, Any]:
    """The object in a file; an empty one where the file is not there."""
    return _object(path, {}) if path.exists() else {}


def _object(path: Path, fields: Mapping[str, str]) -> Mapping[str, Any]:
    return _checked(strict_json.load(path, max_bytes=_LIMIT), path, fields)


def _checked(
    value: Any, path: Path, fields: Mapping[str, str], *, line: int | None = None, within: str = ""
) -> Mapping[str, Any]:
    """``value``, which has to be an object with ``fields``, each of a type in :data:`_TYPES`."""
    if not isinstance(value, dict):
        raise InputError.at(path, "an object", value, line=line, field=within.rstrip(".") or None)
    for name, expected in fields.items():
        if not isinstance(value.get(name), _TYPES[expected]):
            raise InputError.at(path, expected, value.get(name, "none"), line=line, field=within + name)
    return value
