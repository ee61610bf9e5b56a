"""The network that a task was saved with."""

from __future__ import annotations

from typing import Any

from torch import nn

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.export.folder import OnnxFolder
from bertwright.tasks.feature_model import METHOD, stored_frozen
from bertwright.tasks.networks import TOP, stored_top
from bertwright.tasks.task import Task


def stored_model(task: Task[Any], folder: ModelFolder) -> nn.Module:
    """The network that ``task`` was saved with in ``folder``: fine-tuned, under a BiLSTM, or a frozen one.

    Raises:
        ModelError: it is incomplete, or does not fit its description.
    """
    stored = dict(folder.task or {})
    if stored.get("method") != METHOD:
        return stored_top(task, folder) if TOP in stored else task.trained_model(folder)
    return folder.answering_model() if isinstance(folder, OnnxFolder) else stored_frozen(folder)
