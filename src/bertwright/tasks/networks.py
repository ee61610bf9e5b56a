"""The network of a task: an encoder with one added layer, or with a BiLSTM between the two.

Axes: C outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.checkpoints.tensor_file import read_tensors
from bertwright.errors import ModelError
from bertwright.model.encoder import BertEncoder
from bertwright.model.topped_model import ToppedModel
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.task import Task

TOP = "top"
"""Where a stored task says what stands on the encoder."""
FILE = "top.safetensors"
"""Weights of the BiLSTM and of the output layer, beside those of the encoder."""


def new_network(
    task: Task[Any], folder: ModelFolder, settings: FinetuneSettings, *, seed: int, from_scratch: bool
) -> nn.Module:
    """What is to be trained: the encoder of ``folder`` (or one of its shape), as attribute ``encoder``, under
    what ``settings`` ask for."""
    if settings.top == "none":
        return task.new_model(folder, seed=seed, from_scratch=from_scratch)
    encoder = BertEncoder(folder.config, seed=seed) if from_scratch else folder.encoder()
    return _topped(task, encoder, settings.top_size, seed)


def stored_top(task: Task[Any], folder: ModelFolder) -> ToppedModel:
    """The network saved in ``folder`` with a BiLSTM.

    Raises:
        ModelError: it is incomplete, or does not fit the task or its description.
    """
    described = (folder.task or {}).get(TOP)
    try:
        model = _topped(task, folder.encoder(), described["size"], 0)  # type: ignore[index]
        missing, unknown = model.load_state_dict(read_tensors(folder.path / FILE), strict=False)
        missing = [name for name in missing if not name.startswith("encoder.")]
        if described != description(model) or missing or unknown:
            raise ValueError(", ".join([*missing, *unknown]) or str(described))
    except (KeyError, TypeError, ValueError, RuntimeError) as problem:
        got = str(problem).split("\n", 1)[0]
        expected = "a BiLSTM and an output layer that fit the task"
        raise ModelError.at(folder.path, expected, got, field=f"task.{TOP}") from None
    return model.eval()


def description(model: ToppedModel) -> dict[str, Any]:
    """What is stored of ``model``, as JSON values."""
    return {"kind": "bilstm", "layers": model.top.num_layers, "size": model.size, "outputs": model.num_labels}


def top_tensors(model: ToppedModel) -> Mapping[str, Tensor]:
    """Everything but the encoder, under the names of :data:`FILE`."""
    return {name: t for name, t in model.state_dict().items() if not name.startswith("encoder.")}


def _topped(task: Task[Any], encoder: BertEncoder, size: int | None, seed: int) -> ToppedModel:
    return ToppedModel(encoder, task.num_outputs, by_token=task.network.by_token, size=size, seed=seed)
