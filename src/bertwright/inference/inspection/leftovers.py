"""What is in a model folder and is not in the model that is opened from it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from bertwright import strict_json
from bertwright.checkpoints import members
from bertwright.checkpoints.bilm_folder import BilmFolder
from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.checkpoints.sentence_modules import MODULES, SENTENCE_CONFIG, TRANSFORMER_CONFIG
from bertwright.durable import reported
from bertwright.errors import ModelError
from bertwright.model.config import BertConfig
from bertwright.progress import Progress, Silent

_READ = {
    members.CONFIG,
    members.TENSORFLOW_CONFIG,
    members.WEIGHTS,
    members.WEIGHTS_INDEX,
    members.MANIFEST_NAME,
    members.CARD,
    MODULES,
    SENTENCE_CONFIG,
    TRANSFORMER_CONFIG,
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    ".gitattributes",
}
"""Files that are read, or say nothing that another does not say."""

_HARMLESS = {
    "_name_or_path",
    "architectures",
    "dtype",
    "id2label",
    "label2id",
    "model_type",
    "num_labels",
    "problem_type",
    "torch_dtype",
    "transformers_version",
}
"""Fields of ``config.json`` beside the network's that are acted on, or say where it comes from."""

_DEFAULTS = {
    "add_cross_attention": False,
    "bos_token_id": None,
    "classifier_dropout": None,
    "eos_token_id": None,
    "gradient_checkpointing": False,
    "is_decoder": False,
    "position_embedding_type": "absolute",
    "tie_word_embeddings": True,
    "use_cache": True,
}
"""Fields that are read past, and change nothing while they have these values."""


def leftovers(folder: ModelFolder, prefix: Path | None = None) -> dict[str, Any]:
    """What is lost when ``folder`` is opened: empty where nothing is.

    Args:
        prefix: of a TensorFlow 1 checkpoint.

    ``tensors`` are of heads that are not ours, ``rounded`` are stored with more digits than float32,
    ``optimizer_slots`` are those of a checkpoint that was to be trained on, and its step counter; ``fields``
    of ``config.json`` are read past, ``unread_files`` are not opened, ``missing`` parts of the network begin
    from initial weights.
    """
    places = [place for stored in folder.weights.places.values() for place in stored]
    found: dict[str, Any] = {
        "tensors": list(folder.weights.ignored),
        "rounded": [place.name for place in places if place.dtype is torch.float64],
        "optimizer_slots": len(folder.weights.slots),
        "fields": _fields(folder),
        "unread_files": _files(folder, prefix),
        "missing": [] if "pooler" in folder.weights.parts or not _pools(folder) else ["pooler"],
    }
    return {name: value for name, value in found.items() if value}


def file_digests(folder: ModelFolder, progress: Progress | None = None) -> list[dict[str, Any]]:
    """Name, bytes and SHA-256 of every file of ``folder``, and of the folders directly inside."""
    watch = progress or Silent()
    files = sorted(path for place in ("*", "*/*") for path in folder.path.glob(place) if path.is_file())
    watch.start("digesting", sum(path.stat().st_size for path in files), "bytes")
    entries = []
    for path in files:
        with reported(path, "read"), path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        entries.append({"name": str(path.relative_to(folder.path)), "bytes": size, "sha256": digest})
        watch.advance(size)
    watch.finish()
    return entries


def _pools(folder: ModelFolder) -> bool:
    """Whether anything that the model does reads the pooled output."""
    return not folder.heads & {"token", "span"} and not isinstance(folder, BilmFolder)


def _fields(folder: ModelFolder) -> list[str]:
    """Fields that neither are acted on nor have the value of a plain BERT."""
    places = (members.CONFIG, f"0_Transformer/{members.CONFIG}")
    sources = [folder.path / name for name in places if (folder.path / name).is_file()]
    if not sources:
        return []
    values = members.load_config(sources[0])
    known = _HARMLESS | set(BertConfig.model_fields)
    return [
        name
        for name, value in values.items()
        if name not in known and not (name in _DEFAULTS and value == _DEFAULTS[name])
    ]


def _files(folder: ModelFolder, prefix: Path | None) -> list[str]:
    """Files that opening the folder does not read."""
    read = set(_READ)
    if (folder.path / members.WEIGHTS_INDEX).exists():
        read |= {path.name for path in members.weight_files(folder.path)}
    if "digest" in folder.manifest:  # of ours: all is accounted for
        return []
    names = []
    for path in sorted(folder.path.iterdir()):
        if path.is_dir():
            names += [] if _is_module(folder, path) else [f"{path.name}/"]
        elif path.name not in read and not (prefix is not None and path.name.startswith(f"{prefix.name}.")):
            names.append(path.name)
    return names


def _is_module(folder: ModelFolder, path: Path) -> bool:
    """Whether a sentence-transformers folder has a module there."""
    if folder.sentences is None:
        return False
    modules = strict_json.load(folder.path / MODULES, error=ModelError)
    return any(module["path"] == path.name for module in modules)
