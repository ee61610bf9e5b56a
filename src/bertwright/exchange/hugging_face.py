"""A model as a Hugging Face folder, which is the layout of ours: exactly the parts that it has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from bertwright.checkpoints import members
from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.checkpoints.saving import ARCHITECTURES, LEFT_TO_RIGHT, save_weights
from bertwright.checkpoints.sentence_recipe import SentenceRecipe
from bertwright.checkpoints.tensor_file import read_tensors
from bertwright.exchange.request import Request

_KEPT = ("id2label", "label2id", "problem_type")
"""Fields of ``config.json`` that say what the outputs of a classifier are."""


def write_hugging_face(folder: ModelFolder, path: Path, request: Request) -> None:
    """Write ``folder`` as the new folder ``path``, under the class that has just its parts.

    Raises:
        DiskError: the file system refused.
    """
    save_folder(folder, path, {"converted_from": dict(request.origin)}, folder.sentences)


def save_folder(
    folder: ModelFolder,
    path: Path,
    origin: Mapping[str, Any],
    sentences: SentenceRecipe | None,
    *,
    overwrite: bool = False,
) -> None:
    """Write all that ``folder`` has as the new folder ``path``.

    Args:
        origin: where it comes from, added to what the source says of itself.
        sentences: how texts become vectors, if the new folder is to say so.
        overwrite: replace a model folder of ours that is there.
    """
    save_weights(
        path,
        folder.config,
        folder.weights.tensors,
        folder.tokenizer,
        architecture=architecture_of(folder),
        task=folder.task,
        provenance={**folder.provenance, **origin},
        sentences=sentences,
        more=_more(folder),
        fields=head_fields(folder),
        overwrite=overwrite,
    )


def architecture_of(folder: ModelFolder) -> str:
    """The class of ``transformers`` that has the heads of ``folder``."""
    heads = folder.heads
    for head, architecture in ARCHITECTURES.items():
        if head in heads:
            return architecture
    if "left_to_right" in heads:
        return LEFT_TO_RIGHT
    if "next_sentence" in heads:
        return "BertForPreTraining" if "masked_language" in heads else "BertForNextSentencePrediction"
    return "BertForMaskedLM" if "masked_language" in heads else "BertModel"


def head_fields(folder: ModelFolder) -> dict[str, Any]:
    """What another library needs to know of a classifier without a task of ours: how many outputs it has."""
    if folder.task is not None or "head" not in folder.weights.parts:
        return {}
    count = folder.weights.tensors["head.output.bias"].shape[0]
    names = [f"LABEL_{index}" for index in range(count)]
    fields: dict[str, Any] = {
        "id2label": {str(index): name for index, name in enumerate(names)},
        "label2id": {name: index for index, name in enumerate(names)},
    }
    if (folder.path / members.CONFIG).exists():
        values = members.load_config(members.member(folder.path, members.CONFIG))
        fields |= {name: values[name] for name in _KEPT if values.get(name) is not None}
    return fields


def _more(folder: ModelFolder) -> dict[str, Mapping[str, Tensor]]:
    """The small model beside a frozen encoder, and whatever else a task keeps in files of its own."""
    if "digest" not in folder.manifest or members.is_tensorflow(folder.path):
        return {}
    known = {members.WEIGHTS, *(path.name for path in members.weight_files(folder.path))}
    extra = sorted(path.name for path in folder.path.glob("*.safetensors") if path.name not in known)
    return {name: read_tensors(members.member(folder.path, name)) for name in extra}
