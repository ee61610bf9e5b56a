"""The labelled tasks of a comparison, read once before hours are spent on what they judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bertwright.comparison.plan import Plan
from bertwright.progress import Progress
from bertwright.tasks.examples import overlap_warning
from bertwright.tasks.kinds import task_kind
from bertwright.tasks.presets import preset_of
from bertwright.tokenization.tokenizer import Tokenizer


def require_readable(plan: Plan, tokenizer: Tokenizer, progress: Progress) -> list[str]:
    """Read the files of every task; what was guessed is said, what is odd is said and returned.

    Raises:
        InputError: a file is wrong, by file, line and field.
    """
    warnings: list[str] = []
    seen: set[tuple[str, str]] = set()
    for column in plan.columns:
        task = column.task
        if (task.train, task.dev) in seen:
            continue  # the same rows learned in another way
        seen.add((task.train, task.dev))
        preset = preset_of(column.kind)
        cls = task_kind(preset.kind)
        settings = preset.settings_for(plan.finetuning_of(plan.arms[0], column))
        posed: Any = cls.pose(
            Path(task.train),
            preset.columns_for(task.chosen_columns()),
            tokenizer,
            settings.max_length or cls.default_length,
            task.format,
            settings,
        )
        dev = posed.task.read(Path(task.dev), format=task.format)
        for remark in posed.remarks:
            progress.say(f"{column.name}: {remark}")
        odd = [*posed.train.warnings, *posed.warnings, *dev.warnings, *overlap_warning(posed.train, dev)]
        for warning in odd:
            progress.warn(f"{column.name}: {warning}")
        warnings += [f"{column.name}: {warning}" for warning in odd]
    return warnings
