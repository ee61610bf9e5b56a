"""The names of classes, as a ``config.json`` keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertwright.checkpoints.members import CONFIG_BYTES
from bertwright.errors import ModelError


def read_labels(values: Mapping[str, Any], source: str | Path) -> tuple[str, ...] | None:
    """The class names in ``id2label``, in order; None when there is no such field.

    Raises:
        ModelError: ids that are not the whole numbers from 0 without a gap, names that are no text or
            repeated, or a number of names other than ``num_labels``.
    """
    table = values.get("id2label")
    if table is None:
        return None
    if not isinstance(table, dict) or not all(isinstance(label, str) and label for label in table.values()):
        raise ModelError.at(source, "an object from ids to names", table, field="id2label")
    if set(table) != {str(index) for index in range(len(table))}:
        expected = f'the ids "0" to "{len(table) - 1}"'
        raise ModelError.at(source, expected, ", ".join(table), field="id2label")
    labels = tuple(table[str(index)] for index in range(len(table)))
    if len(set(labels)) != len(labels):
        raise ModelError.at(source, "different names", ", ".join(labels), field="id2label")
    count = values.get("num_labels", len(labels))
    if count != len(labels) or isinstance(count, bool):
        raise ModelError.at(source, f"the {len(labels)} names of id2label", count, field="num_labels")
    return labels


def label_fields(task: Mapping[str, Any] | None) -> dict[str, Any]:
    """What ``config.json`` says of a model for ``task``: names of its classes, and the kind of problem.

    ``task`` has ``labels`` where there are classes, and ``problem_type`` where it is one of the three that
    ``transformers`` tells apart (for ``classify`` a single label unless it says otherwise).
    """
    task = task or {}
    fields: dict[str, Any] = {}
    if labels := task.get("labels"):
        fields["id2label"] = {str(index): label for index, label in enumerate(labels)}
        fields["label2id"] = {label: index for index, label in enumerate(labels)}
    problem = task.get("problem_type")
    if problem is None and task.get("kind") == "classify":
        problem = "single_label_classification"
    if problem is not None:
        fields["problem_type"] = problem
        if problem == "regression":
            fields["id2label"], fields["label2id"] = {"0": "score"}, {"score": 0}
    return fields


def require_room(task: Mapping[str, Any], source: str | Path) -> None:
    """Refuse, before any work, classes whose names would fill a ``config.json`` beyond what is read again.

    Args:
        source: where the names come from.

    Raises:
        ModelError: naming how much they may take, and take.
    """
    most = CONFIG_BYTES - (1 << 20)  # what else is in it takes less than that
    size = len(json.dumps(label_fields(task), ensure_ascii=False, indent=2).encode())
    if size > most:
        raise ModelError.at(source, f"names of classes that take at most {most:,} bytes in config.json", size)
