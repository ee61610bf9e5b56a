"""What a folder's stored task says, checked before it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import ModelError


def stored_length(folder: ModelFolder, task: Mapping[str, Any], *, shortest: int = 3) -> int:
    """The longest row; the model's positions where nothing is stored.

    Raises:
        ModelError: it is no whole number that fits the model.
    """
    positions = folder.config.max_position_embeddings
    length = task.get("max_length", positions)
    if not isinstance(length, int) or isinstance(length, bool) or not shortest <= length <= positions:
        expected = f"a length from {shortest} to {positions}"
        raise ModelError.at(folder.path, expected, length, field="task.max_length")
    return length


def stored_labels(folder: ModelFolder, task: Mapping[str, Any], *, least: int = 2) -> tuple[str, ...]:
    """The names of the classes.

    Raises:
        ModelError: they are no list of at least ``least`` names.
    """
    labels = task.get("labels")
    names = isinstance(labels, list) and all(isinstance(name, str) for name in labels)
    if not isinstance(labels, list) or not names or len(labels) < least:
        words = {1: "one label", 2: "two labels"}
        raise ModelError.at(folder.path, f"a list of at least {words[least]}", labels, field="task.labels")
    return tuple(labels)


def stored_number(folder: ModelFolder, task: Mapping[str, Any], name: str, default: float) -> float:
    """A finite number.

    Raises:
        ModelError: something else is stored.
    """
    value = task.get(name, default)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not isfinite(value):
        raise ModelError.at(folder.path, "a finite number", value, field=f"task.{name}")
    return float(value)
