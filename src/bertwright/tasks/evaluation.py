"""A model's score on a labelled file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright import strict_json
from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.durable import digest_of_file
from bertwright.errors import UsageError
from bertwright.export.folder import open_for_use
from bertwright.progress import Progress
from bertwright.statistics.bootstrap import RESAMPLES, Interval, intervals
from bertwright.tables.columns import Columns
from bertwright.tasks.analyses import analyse
from bertwright.tasks.analysis import Analysis, Answered
from bertwright.tasks.batches import Features
from bertwright.tasks.breakdown import Breakdown, break_down, by_length, by_truncation
from bertwright.tasks.devices import device_named
from bertwright.tasks.kinds import open_task
from bertwright.tasks.outputs import run_model
from bertwright.tasks.precision import Precision, PrecisionName, answering_model, chosen_precision
from bertwright.tasks.task import Prediction, Task

_FAMILIAR = {
    "train": "the model has learned these very rows",
    "dev": "the model's weights were chosen by these very rows",
}
"""What is known of a file by its part in fine-tuning."""


@dataclass(frozen=True)
class Evaluation:
    """A model's score on a labelled file, and its answers taken apart."""

    kind: str
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    """Of the metrics that have one."""
    confidence: float
    """Of the intervals."""
    rows: int
    truncated: int
    """Rows of which the model did not see the whole text."""
    precision: Precision
    """Of the matrix products."""
    seconds: float
    warnings: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    examples: tuple[Any, ...]
    targets: tuple[Any, ...]
    """What is true of each row, in the words of an answer."""
    analysis: Analysis
    breakdowns: tuple[Breakdown, ...]
    """By length, by truncation, and by what else the kind has."""
    task: dict[str, Any]
    """What the model was trained for, as stored with it."""
    provenance: dict[str, Any]
    """How it was made, as stored with it."""

    @property
    def lines(self) -> tuple[int, ...]:
        """Where each row begins in the file."""
        return tuple(example.line for example in self.examples)

    def to_dict(self) -> dict[str, Any]:
        """As ``evaluate --json`` prints it."""
        parts = self.analysis.to_dict()
        for breakdown in self.breakdowns:
            parts[f"by_{breakdown.name}"] = [group.to_dict() for group in breakdown.groups]
        return {
            "metrics": self.metrics,
            "intervals": {name: interval.to_list() for name, interval in self.intervals.items()},
            "confidence": self.confidence,
            "rows": self.rows,
            "truncated": self.truncated,
            "precision": self.precision,
            "seconds": self.seconds,
            "warnings": list(self.warnings),
            **parts,
        }

    def to_json_lines(self) -> str:
        """Every row's place (from 0), line, target and answer."""
        rows = zip(self.lines, self.targets, self.predictions, strict=True)
        return "".join(
            strict_json.dump({"row": row, "line": line, "target": target, **prediction.to_dict()}) + "\n"
            for row, (line, target, prediction) in enumerate(rows)
        )


def evaluate(
    model: Path | ModelFolder,
    file: Path,
    *,
    columns: Columns | None = None,
    format: str = "auto",
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    device: str = "auto",
    precision: PrecisionName | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score the fine-tuned model in ``model`` on the labelled rows of ``file``.

    Args:
        columns: of ``file``, where they are not named as in training.
        confidence: of the intervals, between 0 and 1.
        resamples: of the rows, for the intervals.
        device: ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
        precision: of the matrix products: ``fp32``, ``bf16``, ``int8``, or ``auto`` as `bertwright predict`
            takes it; None for what is stored, which is fp32 but for graphs that were exported in int8.

    Raises:
        ModelError: ``model`` is no fine-tuned model.
        TableError: ``file`` is wrong, or has labels that the model does not know.
        UsageError: ``confidence`` is not between 0 and 1, there is no such device, or the model does not
            compute in that precision.
    """
    begun = time.monotonic()
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence: expected a number between 0 and 1, got {confidence:g}")
    place = device_named(device)
    folder = (open_for_use(model) if isinstance(model, Path) else model).for_use()
    chosen = chosen_precision(folder, precision, place)
    task: Task[Prediction] = open_task(folder)
    labelled = task.read(file, columns, format=format)
    features = task.encode(labelled.examples)
    network = answering_model(task, folder, chosen).to(place)
    outputs = run_model(network, features, task.tokenizer.vocabulary.pad_id, progress)
    predictions = task.decode(outputs, features, labelled.examples)
    metrics = task.score(outputs, features, labelled.examples)
    analysis = analyse(Answered(task, outputs, features, labelled.examples, predictions))
    spread = _intervals(analysis, metrics, confidence, resamples)
    truncated = np.array([prediction.truncated for prediction in predictions])
    breakdowns = _breakdowns(analysis, features, truncated, confidence, resamples)
    return Evaluation(
        kind=task.kind,
        metrics=metrics,
        intervals=spread,
        confidence=confidence,
        rows=len(labelled),
        truncated=int(truncated.sum()),
        precision=chosen,
        seconds=time.monotonic() - begun,
        warnings=(*labelled.warnings, *_familiar(folder, file)),
        predictions=tuple(predictions),
        examples=tuple(labelled.examples),
        targets=tuple(map(task.truth, labelled.examples)),
        analysis=analysis,
        breakdowns=breakdowns,
        task=dict(folder.task or {}),
        provenance=dict(folder.provenance),
    )


def _familiar(folder: ModelFolder, file: Path) -> tuple[str, ...]:
    """A warning when the model was made with this very file: it is better on these rows than on others."""
    parts = {part: folder.provenance.get(part) for part in _FAMILIAR}
    known = {part: made.get("sha256") for part, made in parts.items() if isinstance(made, Mapping)}
    if not any(known.values()):
        return ()
    sha256 = digest_of_file(file)
    return tuple(
        f"{file.name}: {_FAMILIAR[part]}: expect less of other rows, and no interval says how much less"
        for part, digest in known.items()
        if digest == sha256
    )


def _intervals(
    analysis: Analysis, metrics: Mapping[str, float], confidence: float, resamples: int
) -> dict[str, Interval]:
    found = intervals(analysis.measure, confidence=confidence, resamples=resamples)
    return {name: found[name] for name in metrics if name in found}


def _breakdowns(
    analysis: Analysis,
    features: Sequence[Features],
    truncated: NDArray[np.bool_],
    confidence: float,
    resamples: int,
) -> tuple[Breakdown, ...]:
    groupings = [by_length(features, len(truncated)), by_truncation(truncated), *analysis.groupings]
    return tuple(
        break_down(grouping, analysis.score, confidence=confidence, resamples=resamples)
        for grouping in groupings
    )
