"""An exported model as a folder: the graph, and all that is needed to ask it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.checkpoints import members
from bertwright.checkpoints.description import write_description
from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.durable import NewDirectory
from bertwright.export.building import Precision, SmallModel, build
from bertwright.export.card import onnx_card
from bertwright.export.folder import FACTS
from bertwright.export.graph import OPSET
from bertwright.export.heads import PARTS


@dataclass(frozen=True)
class Exported:
    """A graph, and what its folder's manifest says of it."""

    data: bytes
    facts: dict[str, Any]


def export(folder: ModelFolder, precision: Precision, small: SmallModel | None = None) -> Exported:
    """The model of ``folder`` as a graph, with every part that is stored.

    Args:
        small: the model on frozen vectors, where that is what answers.

    Raises:
        UsageError: the extra ``onnx`` is not installed.
        ModelError: it does not fit into one file, or lacks the pooler that its head reads.
    """
    tensors = folder.weights.tensors
    parts = [part for part in PARTS if part in folder.weights.parts]
    by_token = "token" in folder.heads
    folder.require_pooler(folder.heads)
    data = build(folder.config, tensors, parts, by_token=by_token, precision=precision, small=small)
    biases = [tensors[name] for name in ("head.output.bias", "span_head.output.bias") if name in tensors]
    if small is not None:
        biases = [small.tensors["output.bias"]]
    facts = {
        "precision": precision,
        "opset": OPSET,
        "parts": parts,
        "classes": biases[0].shape[0] if biases else 0,
    }
    return Exported(data, facts)


def write_folder(
    path: str | Path,
    folder: ModelFolder,
    exported: Exported,
    *,
    architecture: str,
    provenance: Mapping[str, Any],
    fields: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write the new folder ``path``, complete or not at all.

    Args:
        folder: the model that was exported.
        architecture: what ``transformers`` calls it.
        provenance: what it was made from, as JSON values.
        fields: more of ``config.json``.

    Raises:
        OutputExistsError: ``path`` exists, and ``overwrite`` is false or it is not one of ours.
        DiskError: the file system refused.
    """
    with NewDirectory(
        path,
        kind=members.KIND,
        overwrite=overwrite,
        needed_bytes=len(exported.data),
        manifest_name=members.MANIFEST_NAME,
    ) as new:
        write_description(
            new,
            folder.config,
            folder.tokenizer,
            architecture=architecture,
            task=folder.task,
            provenance=provenance,
            card=onnx_card(folder, architecture, exported.facts, provenance),
            sentences=folder.sentences,
            fields=fields or {},
            facts={FACTS: exported.facts},
        )
        new.write(members.ONNX, exported.data)
