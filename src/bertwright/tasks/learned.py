"""What a run leaves: weights, and the task with what was fitted to them."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from bertwright import strict_json
from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.checkpoints.tensor_file import read_tensors, write_tensors
from bertwright.durable import NewDirectory, read_manifest, verify
from bertwright.errors import ResumeError
from bertwright.tasks.task import Task

_KIND = "learned weights"
_WEIGHTS = "weights.safetensors"
_TASK = "task.json"
_NAME = re.compile(r"best-\d+")


@dataclass(frozen=True)
class Learned:
    """The weights of the best moment, and the task as it was fitted then."""

    weights: dict[str, Tensor]
    task: Task[Any]

    def save(self, path: Path) -> None:
        """Write a folder, replacing an earlier one, whole or not at all.

        Raises:
            DiskError: the file system refused.
        """
        needed = sum(tensor.numel() * tensor.element_size() for tensor in self.weights.values())
        with NewDirectory(path, kind=_KIND, overwrite=True, needed_bytes=needed) as new:
            weights = {name: tensor.to("cpu").contiguous() for name, tensor in self.weights.items()}
            write_tensors(new, _WEIGHTS, weights, {})
            new.write(_TASK, strict_json.dump_for(path / _TASK, self.task.to_dict()))

    @classmethod
    def load(cls, path: Path, task: Task[Any], folder: ModelFolder) -> Learned:
        """What :meth:`save` wrote.

        Args:
            task: of the same kind.
            folder: the model that is fine-tuned.

        Raises:
            DigestError, ResumeError: it is damaged.
        """
        verify(read_manifest(path, _KIND, error=ResumeError))
        stored = strict_json.load(path / _TASK, error=ResumeError, max_bytes=strict_json.OWN_BYTES)
        fitted = type(task).of_folder(replace(folder, manifest={**folder.manifest, "task": stored}))
        return cls(read_tensors(path / _WEIGHTS), fitted)


class LearnedStore:
    """The folders ``best-N`` of a folder: what was best when N was done.

    Whoever keeps the figures of N keeps this name with them, so that the two never part: what becomes best
    later has a folder of its own, and the earlier one goes only when nobody names it any more.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, number: int, learned: Learned) -> None:
        """See :meth:`Learned.save`."""
        learned.save(self._place(number))

    def load(self, number: int, task: Task[Any], folder: ModelFolder) -> Learned:
        """See :meth:`Learned.load`."""
        return Learned.load(self._place(number), task, folder)

    def keep_only(self, number: int) -> None:
        """Remove all others."""
        for path in sorted(self._folder.iterdir()):
            if _NAME.fullmatch(path.name) and path != self._place(number):
                shutil.rmtree(path, ignore_errors=True)

    def _place(self, number: int) -> Path:
        return self._folder / f"best-{number}"
