"""A model as ONNX, in float32 or int8, and what that costs on labelled rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.checkpoints.tensor_file import read_tensors
from bertwright.errors import ModelError, UsageError
from bertwright.exchange.gate import Loss, measure
from bertwright.exchange.hugging_face import architecture_of, head_fields
from bertwright.exchange.request import Request
from bertwright.export.building import SmallModel
from bertwright.export.writing import Exported, export, write_folder
from bertwright.tasks.feature_model import FILE, METHOD

MAX_LOSS = 0.5
"""Points of a metric (hundredths) that an export may lose unless another bound is given."""


def write_onnx(folder: ModelFolder, path: Path, request: Request) -> None:
    """Write ``folder`` as ONNX into the new folder ``path``.

    Options:
        int8: weights of 8 bits.
        eval: a labelled file; the metric is measured before and after.
        max_loss: points that it may lose.

    Raises:
        UsageError: the extra ``onnx`` is not installed, or ``max_loss`` is given without ``eval``.
        TableError: the labelled file is wrong.
        ModelError: the model cannot be exported, or loses more than it may; nothing is kept.
        DiskError: the file system refused.
    """
    options = request.options
    if options.get("max_loss") is not None and options.get("eval") is None:
        raise UsageError("--max-loss: expected --eval FILE with it, to measure the loss on")
    exported = export(folder, "int8" if options.get("int8") else "float32", small_model(folder))
    _write(folder, path, exported, request)
    if options.get("eval") is None:
        return
    loss = measure(folder, path, Path(options["eval"]))
    bound = options.get("max_loss")
    _require_small(loss, MAX_LOSS if bound is None else bound, path)
    measured = Exported(exported.data, exported.facts | {"evaluation": loss.to_dict()})
    _write(folder, path, measured, request, again=True)


def _write(
    folder: ModelFolder, path: Path, exported: Exported, request: Request, *, again: bool = False
) -> None:
    provenance = {**folder.provenance, "converted_from": dict(request.origin)}
    write_folder(
        path,
        folder,
        exported,
        architecture=architecture_of(folder),
        provenance=provenance,
        fields=head_fields(folder),
        overwrite=again,
    )


def small_model(folder: ModelFolder) -> SmallModel | None:
    """What was trained on the frozen vectors of ``folder``, if anything."""
    task: Mapping[str, Any] = folder.task or {}
    if task.get("method") != METHOD:
        return None
    return SmallModel(read_tensors(folder.path / FILE), dict(task.get("features") or {}))


def _require_small(loss: Loss, bound: float, path: Path) -> None:
    if not loss.points <= bound:  # also when it is not a number
        expected = f"at most {bound:g} points of {loss.metric} lost"
        got = f"{loss.before:.4f} -> {loss.after:.4f}, {loss.points:.2f} points"
        raise ModelError.at(path.name, expected, got, hint="nothing was kept; --max-loss allows more")
