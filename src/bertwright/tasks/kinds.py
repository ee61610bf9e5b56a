"""The table of task kinds, and the task of a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import ModelError, UsageError
from bertwright.export.folder import open_for_use
from bertwright.tasks.answer.task import AnswerTask
from bertwright.tasks.choose.task import ChooseTask
from bertwright.tasks.label.kind import ClassifyKind
from bertwright.tasks.regress.task import RegressTask
from bertwright.tasks.tag.task import TagTask
from bertwright.tasks.task import Kind, Task

KINDS: dict[str, type[Kind]] = {
    "classify": ClassifyKind,
    "regress": RegressTask,
    "tag": TagTask,
    "answer": AnswerTask,
    "choose": ChooseTask,
}


def task_kind(name: str) -> type[Kind]:
    """The kind of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in KINDS:
        raise UsageError(f"expected a task among {', '.join(KINDS)}, got {name!r}")
    return KINDS[name]


def open_task(folder: ModelFolder | Path) -> Task[Any]:
    """The task that a fine-tuned model was saved with.

    Raises:
        ModelError: the model has no task, or one of a kind that is not known here.
    """
    opened = open_for_use(folder) if isinstance(folder, Path) else folder
    if opened.task is None:
        hint = "bertwright finetune makes one"
        raise ModelError.at(opened.path, "a fine-tuned model", "one without a task", hint=hint)
    kind = opened.task.get("kind")
    if kind not in KINDS:
        raise ModelError.at(opened.path, f"a task among {', '.join(KINDS)}", kind, field="task.kind")
    task: Task[Any] = KINDS[kind].of_folder(opened)
    return task
