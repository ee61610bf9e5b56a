"""The answers of an adapted model to the development rows, kept when the model itself is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bertwright import strict_json
from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.checkpoints.tensor_file import read_tensors, write_tensors
from bertwright.durable import NewDirectory, read_manifest, verify
from bertwright.errors import ResumeError
from bertwright.progress import Progress
from bertwright.statistics.measures import Measure
from bertwright.tasks.analyses import analyse
from bertwright.tasks.analysis import Answered
from bertwright.tasks.devices import device_named
from bertwright.tasks.kinds import open_task
from bertwright.tasks.outputs import run_model
from bertwright.tasks.stored_model import stored_model
from bertwright.tasks.task import Outputs, Task

_KIND = "answers"
_OUTPUTS = "outputs.safetensors"
_TASK = "task.json"


@dataclass(frozen=True)
class Answers:
    """What a model gave for each encoded row, and the task that reads answers out of it."""

    task: Mapping[str, Any]
    """As stored with the model: labels, thresholds."""
    outputs: Outputs

    @classmethod
    def of(cls, folder: ModelFolder, dev: Path, format: str, device: str, progress: Progress) -> Answers:
        """Ask the adapted model in ``folder`` about the rows of ``dev``.

        Args:
            device: where it was adapted: ``auto``, ``cpu`` or ``cuda``.

        Raises:
            ModelError, TableError, NonFiniteError: they do not answer.
            UsageError: there is no such device.
        """
        task: Task[Any] = open_task(folder)
        features = task.encode(task.read(dev, format=format).examples)
        pad_id = task.tokenizer.vocabulary.pad_id
        model = stored_model(task, folder).to(device_named(device))
        outputs = run_model(model, features, pad_id, progress)
        return cls(dict(folder.task or {}), outputs)

    def save(self, path: Path) -> None:
        """Write a folder, whole or not at all; one that is there is replaced.

        Raises:
            DiskError: the file system refused.
        """
        flat = [torch.from_numpy(np.array(output, dtype=np.float32)) for output in self.outputs]
        by_token = flat[0].ndim > 1
        rows = [len(output) if by_token else 1 for output in flat]
        values = torch.cat(flat) if by_token else torch.stack(flat)
        tensors = {
            "values": values.contiguous(),
            "rows": torch.tensor(rows, dtype=torch.int64),
            "by_token": torch.tensor([int(by_token)]),
        }
        with NewDirectory(path, kind=_KIND, overwrite=True, needed_bytes=4 * values.numel()) as new:
            write_tensors(new, _OUTPUTS, tensors, {})
            new.write(_TASK, strict_json.dump_for(path / _TASK, dict(self.task)))

    @classmethod
    def load(cls, path: Path) -> Answers:
        """What :meth:`save` wrote.

        Raises:
            DigestError, ResumeError: it is damaged.
        """
        verify(read_manifest(path, _KIND, error=ResumeError))
        tensors = read_tensors(path / _OUTPUTS)
        ends = np.cumsum(tensors["rows"].numpy())[:-1]
        parts = np.split(tensors["values"].numpy(), ends)
        outputs = parts if int(tensors["by_token"][0]) else [part[0] for part in parts]
        task = strict_json.load(path / _TASK, error=ResumeError, max_bytes=strict_json.OWN_BYTES)
        return cls(task, outputs)

    def measure(self, encoder: ModelFolder, dev: Path, format: str) -> Measure:
        """The metrics as functions of the rows of ``dev``.

        Args:
            encoder: the model that was adapted.
        """
        folder = replace(encoder, manifest={**encoder.manifest, "task": dict(self.task)})
        task: Task[Any] = open_task(folder)
        examples: Sequence[Any] = task.read(dev, format=format).examples
        features = task.encode(examples)
        predictions = task.decode(self.outputs, features, examples)
        return analyse(Answered(task, self.outputs, features, examples, predictions)).measure
