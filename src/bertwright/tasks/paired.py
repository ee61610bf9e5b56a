"""Two fine-tuned models on the same labelled rows: do they differ by more than chance?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.errors import UsageError
from bertwright.export.folder import open_for_use
from bertwright.progress import Progress
from bertwright.statistics.bootstrap import RESAMPLES
from bertwright.statistics.paired import Difference, McNemar, differences, mcnemar, significant
from bertwright.tables.columns import Columns
from bertwright.tasks.evaluation import Evaluation, evaluate
from bertwright.tasks.kinds import open_task
from bertwright.tasks.precision import PrecisionName


@dataclass(frozen=True)
class ModelComparison:
    """``one`` less ``other``, metric by metric."""

    one: Evaluation
    other: Evaluation
    differences: dict[str, Difference]
    mcnemar: McNemar | None
    """Of the rows that only one has right; None where answers are not right or wrong."""
    confidence: float
    seconds: float

    @property
    def level(self) -> float:
        """Below this a p-value is significant."""
        return 1.0 - self.confidence

    def significant(self, p_value: float) -> bool:
        """Whether chance alone would seldom do as much."""
        return significant(p_value, self.level)

    def sentences(self) -> list[str]:
        """What there is to say, a sentence a metric."""
        said = []
        for name, found in self.differences.items():
            bounds = f"{found.interval.low:+.4f} to {found.interval.high:+.4f}"
            said.append(
                f"{name}: {found.one:.4f} against {found.other:.4f}, {found.difference:+.4f} "
                f"({100 * self.confidence:.3g} % interval {bounds}): {self._verdict(found.p_value)}"
            )
        if self.mcnemar is not None:
            counts = f"{self.mcnemar.only_one:,} against {self.mcnemar.only_other:,} rows"
            verdict = self._verdict(self.mcnemar.p_value)
            said.append(f"right in one model only: {counts}: {verdict} (McNemar's exact test)")
        return said

    def _verdict(self, p_value: float) -> str:
        is_ = "is" if self.significant(p_value) else "is not"
        return f"p = {p_value:.4f}, the difference {is_} significant at {100 * self.level:.3g} %"

    def to_dict(self) -> dict[str, Any]:
        """As ``evaluate --compare --json`` prints it."""
        test = self.mcnemar
        return {
            "metrics": self.one.metrics,
            "other_metrics": self.other.metrics,
            "differences": {
                name: {
                    "difference": found.difference,
                    "interval": found.interval.to_list(),
                    "p_value": found.p_value,
                    "significant": self.significant(found.p_value),
                }
                for name, found in self.differences.items()
            },
            "mcnemar": None
            if test is None
            else {
                "only_model": test.only_one,
                "only_other": test.only_other,
                "p_value": test.p_value,
                "significant": self.significant(test.p_value),
            },
            "confidence": self.confidence,
            "rows": self.one.rows,
            "precision": self.one.precision,
            "other_precision": self.other.precision,
            "truncated": self.one.truncated,
            "other_truncated": self.other.truncated,
            "seconds": self.seconds,
            "warnings": list(dict.fromkeys([*self.one.warnings, *self.other.warnings])),
            "sentences": self.sentences(),
        }


def compare(
    model: Path,
    other: Path,
    file: Path,
    *,
    columns: Columns | None = None,
    format: str = "auto",
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    device: str = "auto",
    precision: PrecisionName | None = None,
    progress: Progress | None = None,
) -> ModelComparison:
    """Score two models of the same task on ``file``, and test their differences row by row.

    Args:
        columns, format, confidence, resamples, device: as :func:`~bertwright.tasks.evaluation.evaluate` has
            them.
        precision: of ``model``; the other computes as it is stored, and may be the same model.

    Raises:
        UsageError: the models have different tasks or labels, count answers by other units, or read other
            rows.
        InputError: as :func:`~bertwright.tasks.evaluation.evaluate`.
    """
    begun = time.monotonic()
    folders = [open_for_use(path) for path in (model, other)]
    tasks = [open_task(folder) for folder in folders]
    kinds, units = [task.kind for task in tasks], [task.to_dict().get("units") for task in tasks]
    if kinds[0] != kinds[1] or len({str((folder.task or {}).get("labels")) for folder in folders}) > 1:
        got = kinds[1] if kinds[0] != kinds[1] else "other labels"
        raise UsageError.at(other, f"a model with the same task and labels as {model}, {kinds[0]}", got)
    if units[0] != units[1]:
        raise UsageError.at(other, f"F1 by {units[0]}, as {model} has it", f"by {units[1]}")
    one, another = (
        evaluate(
            folder,
            file,
            columns=columns,
            format=format,
            confidence=confidence,
            resamples=resamples,
            device=device,
            precision=asked,
            progress=progress,
        )
        for folder, asked in zip(folders, (precision, None), strict=True)
    )
    if one.targets != another.targets:
        raise UsageError.at(other, f"a model that reads the same rows of {file} as {model}")
    found = differences(
        one.analysis.measure, another.analysis.measure, confidence=confidence, resamples=resamples
    )
    right = one.analysis.right, another.analysis.right
    test = None if right[0] is None or right[1] is None else mcnemar(right[0], right[1])
    kept = {name: found[name] for name in one.metrics if name in found and name in another.metrics}
    return ModelComparison(one, another, kept, test, confidence, time.monotonic() - begun)
