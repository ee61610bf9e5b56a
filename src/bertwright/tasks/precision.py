"""In which numbers a model that answers multiplies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import torch
from torch import nn

from bertwright.checkpoints.bilm_folder import BilmFolder
from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.errors import UsageError, quote
from bertwright.execution.processor import multiplies_bytes
from bertwright.export.folder import OnnxFolder
from bertwright.training.precision import resolve

if TYPE_CHECKING:
    from bertwright.tasks.task import Task

Precision = Literal["fp32", "bf16", "int8"]
PrecisionName = Literal["auto", "fp32", "bf16", "int8"]

Network = TypeVar("Network", bound=nn.Module)


def stored_precision(folder: ModelFolder) -> Precision:
    """What ``folder`` computes in when nothing is asked: int8 where its graph was exported so."""
    if isinstance(folder, OnnxFolder) and folder.facts["precision"] == "int8":
        return "int8"
    return "fp32"


def chosen_precision(folder: ModelFolder, name: PrecisionName | None, device: torch.device) -> Precision:
    """What to compute in: ``auto`` as in training, bf16 where ``device`` is faster at it.

    Args:
        name: None for what is stored.

    Raises:
        UsageError: no such precision, or another than that of the ONNX graph or of the LSTMs in ``folder``;
            int8 on a GPU.
    """
    stored = stored_precision(folder)
    if name is None or name == stored:
        return stored
    if name not in get_args(PrecisionName):
        raise UsageError(f"precision: expected auto, fp32, bf16 or int8, got {quote(str(name))}")
    if isinstance(folder, (OnnxFolder, BilmFolder)):
        if name == "auto":
            return stored
        kind = "as it was exported" if isinstance(folder, OnnxFolder) else "as two LSTMs compute"
        raise UsageError.at(folder.path, f"{stored}, {kind}", name, field="precision")
    if name == "int8":
        if device.type != "cpu":
            raise UsageError(f"precision: expected fp32 or bf16 on {device}, got int8 (give device = cpu)")
        return "int8"
    return resolve(name, device)


def remark_on(precision: PrecisionName | None) -> str | None:
    """What a person who asked for ``precision`` should know of this machine, if there is anything."""
    if precision == "int8" and not multiplies_bytes():
        return "int8: this processor has no VNNI, without which fp32 is the faster one"
    return None


def answering_model(task: Task[Any], folder: ModelFolder, precision: Precision) -> nn.Module:
    """The network that ``task`` was saved with in ``folder``, as :func:`stored_model`, in ``precision``.

    Raises:
        ModelError: it is incomplete, or does not fit its description.
    """
    from bertwright.tasks.stored_model import stored_model  # imported late: `embed` needs no task

    network = stored_model(task, folder).eval()
    return network if precision == stored_precision(folder) else reduced(network, precision)


def reduced(network: Network, precision: Precision) -> Network:
    """``network`` with its blocks computing in ``precision``; it is changed, and only answers from now on."""
    if precision == "bf16":
        from bertwright.model.bf16_products import multiply_in_bf16

        multiply_in_bf16(network)
    elif precision == "int8":
        from bertwright.model.int8.layer import multiply_in_int8  # compiled kernels, which are slow to load

        multiply_in_int8(network)
    return network
