"""The labelled tasks of a comparison, read once before hours are spent on what they judge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertwright.comparison.plan import Column, Plan
from bertwright.errors import SettingsError
from bertwright.model.config import BertConfig
from bertwright.progress import Progress
from bertwright.tables.columns import Columns
from bertwright.tasks.kinds import task_kind
from bertwright.tasks.presets import preset_of
from bertwright.tasks.settings import check_recipe
from bertwright.tasks.task import Task
from bertwright.tokenization.tokenizer import Tokenizer


def require_readable(
    plan: Plan, tokenizer: Tokenizer, configs: Mapping[str, BertConfig], progress: Progress
) -> list[str]:
    """Read the files of every task, and hold every recipe against them; what was guessed is said, what is odd
    is said and returned.

    Args:
        configs: the network of every encoder, by its name.

    Raises:
        InputError: a file is wrong, by file, line and field.
        SettingsError: a cell's recipe asks for what its task or its encoder has not.
    """
    warnings: list[str] = []
    seen: dict[tuple[object, ...], Task[Any]] = {}
    for column in plan.columns:
        key = (column.kind, column.task.train, column.task.dev, column.task.format, _columns(column))
        if key not in seen:  # else the same rows learned in another way
            seen[key], odd = _read(plan, column, tokenizer, progress)
            warnings += odd
        _check_recipes(plan, column, seen[key], configs)
    return warnings


def _columns(column: Column) -> Columns:
    return preset_of(column.kind).columns_for(column.task.chosen_columns())


def _read(
    plan: Plan, column: Column, tokenizer: Tokenizer, progress: Progress
) -> tuple[Task[Any], list[str]]:
    """The task that the files of ``column`` pose, and what is odd about them."""
    task, preset = column.task, preset_of(column.kind)
    cls = task_kind(preset.kind)
    settings = preset.settings_for(plan.finetuning_of(plan.arms[0], column))
    length = settings.max_length or cls.default_length
    posed: Any = cls.pose(Path(task.train), _columns(column), tokenizer, length, task.format, settings)
    dev = posed.task.read(Path(task.dev), format=task.format)
    for remark in posed.remarks:
        progress.say(f"{column.name}: {remark}")
    odd = [f"{column.name}: {warning}" for warning in posed.oddities(dev)]
    for warning in odd:
        progress.warn(warning)
    return posed.task, odd


def _check_recipes(plan: Plan, column: Column, task: Task[Any], configs: Mapping[str, BertConfig]) -> None:
    preset = preset_of(column.kind)
    for arm in plan.arms:
        recipe = preset.settings_for(plan.finetuning_of(arm, column))
        try:
            check_recipe(recipe, task, configs[arm.encoder])
        except SettingsError as problem:
            raise SettingsError(f"{plan.place_of(arm, column)}: {problem}") from None
