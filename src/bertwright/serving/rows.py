"""Rows of a request to ``predict``, as the model's task takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bertwright.errors import InputError
from bertwright.serving.schema import Row

_FIELDS: dict[str, tuple[frozenset[str], ...]] = {
    "tag": (frozenset({"text"}), frozenset({"words"})),
    "answer": (frozenset({"question", "context"}),),
    "choose": (frozenset({"question", "choices"}), frozenset({"question", "choices", "context"})),
}
_TEXTS = (frozenset({"text"}), frozenset({"text", "text_pair"}))


def task_rows(kind: str, rows: Sequence[str | Row]) -> tuple[Any, ...]:
    """``rows`` for :meth:`bertwright.tasks.task.Task.inputs` of a task of this ``kind``.

    Raises:
        InputError: naming the first row (from 0) with fields that say no input of the task.
    """
    return tuple(_task_row(kind, number, row) for number, row in enumerate(rows))


def _task_row(kind: str, number: int, row: str | Row) -> Any:
    given = {"text": row} if isinstance(row, str) else row.model_dump(exclude_none=True)
    expected = _FIELDS.get(kind, _TEXTS)
    if frozenset(given) not in expected:
        ways = " or ".join(", ".join(sorted(way)) for way in expected)
        raise InputError(f"row {number}: expected {ways}, got {', '.join(sorted(given)) or 'no field'}")
    if "text_pair" in given:
        return given["text"], given["text_pair"]
    if kind in ("answer", "choose"):
        return given
    return given.get("words") or given["text"]
