"""Models, and bare files of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from bertwright.checkpoints import members
from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.checkpoints.tensor_file import read_entries
from bertwright.durable import read_manifest
from bertwright.export.folder import OnnxFolder, open_for_use
from bertwright.inference.inspection.findings import Findings
from bertwright.inference.inspection.leftovers import file_digests, leftovers
from bertwright.inference.inspection.text import tokenizer_facts
from bertwright.progress import Progress

_SHAPE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "hidden_act",
    "is_decoder",  # these two only where they are not BERT's
    "pooled_token",
)
_PARTS = {
    "encoder.embeddings": "embeddings",
    "encoder.word_embeddings": "embeddings",
    "encoder.forward_layers": "forward_layers",
    "encoder.backward_layers": "backward_layers",
    "softmax_bias": "softmax",
    "encoder.layers": "layers",
    "encoder.pooler": "pooler",
    "masked_language_head": "masked_language_head",
    "next_sentence_head": "next_sentence_head",
    "head": "output_layer",
    "span_head": "output_layer",
}


def inspect_model(path: Path, progress: Progress | None = None) -> Findings:
    """A model folder (ours, Hugging Face's, sentence-transformers') or a TensorFlow 1 checkpoint.

    Every weight is read and checked.

    Raises:
        InputError: see :func:`bertwright.checkpoints.model_folder.open_model`.
    """
    folder = open_for_use(path)
    config = folder.config.to_dict()
    graph = folder if isinstance(folder, OnnxFolder) else None
    tensors = folder.weights.tensors
    sizes = {name: tensor.numel() for name, tensor in tensors.items()} if graph is None else graph.sizes
    origin = _origin(folder)
    prefix = _prefix(path) if origin == "TensorFlow 1" else None
    facts: dict[str, Any] = {
        "origin": origin,
        "parameters": parameters_of(sizes),
        "heads": sorted(folder.heads),
        "task": None if folder.task is None else dict(folder.task),
        "config": {name: config[name] for name in _SHAPE if name in config},
        "stored_as": _stored_as(folder),
        "tokenizer": tokenizer_facts(folder.tokenizer),
        "lost_on_loading": leftovers(folder, prefix),
        "files": file_digests(folder, progress),
    }
    if folder.sentences is not None:
        facts["sentence_vectors"] = folder.sentences.facts()
    if graph is not None:
        facts["onnx"] = {**graph.facts, "inputs": list(graph.inputs), "outputs": list(graph.outputs)}
    for name in ("provenance", "digest"):
        if folder.manifest.get(name):
            facts[name] = folder.manifest[name]
    return Findings("model", path, facts, _verified(folder), folder.notes)


def inspect_tensors(path: Path, _progress: Progress | None = None) -> Findings:
    """The header of a safetensors file.

    Raises:
        ModelError: the header breaks a rule of the format.
    """
    entries, metadata = read_entries(path)
    types = sorted({str(entry.dtype).removeprefix("torch.") for entry in entries.values()})
    facts = {
        "tensors": len(entries),
        "numbers": sum(prod(entry.shape) for entry in entries.values()),
        "types": types,
        "shapes": {name: list(entry.shape) for name, entry in entries.items()},
        "metadata": metadata,
    }
    return Findings("tensors", path, facts)


def parameters_of(sizes: Mapping[str, int]) -> dict[str, int]:
    """Part of the network -> its number of parameters, and their ``total``; tied weights count once.

    Args:
        sizes: parameter, by our names -> how many numbers it has.
    """
    counts: dict[str, int] = {}
    for name, size in sizes.items():
        prefix = next(prefix for prefix in _PARTS if f"{name}.".startswith(f"{prefix}."))
        part = _PARTS[prefix]
        counts[part] = counts.get(part, 0) + size
    return {
        **{part: counts[part] for part in dict.fromkeys(_PARTS.values()) if part in counts},
        "total": sum(counts.values()),
    }


def _origin(folder: ModelFolder) -> str:
    if members.is_tensorflow(folder.path):
        return "TensorFlow 1"
    if "digest" in folder.manifest:
        return "bertwright"
    return "Hugging Face" if folder.sentences is None else "sentence-transformers"


def _prefix(path: Path) -> Path:
    """The checkpoint that was opened, as its path without ``.index``."""
    return members.tensorflow_prefix(path) if path.is_dir() else path


def _stored_as(folder: ModelFolder) -> dict[str, int]:
    """Type of the stored numbers -> how many numbers; they become float32."""
    counts: dict[str, int] = {}
    for places in folder.weights.places.values():
        for place in places:
            name = str(place.dtype).removeprefix("torch.")
            counts[name] = counts.get(name, 0) + prod(place.shape)
    return dict(sorted(counts.items()))


def _verified(folder: ModelFolder) -> int | None:
    """Files that :func:`open_model` compared with the folder's manifest."""
    if "digest" not in folder.manifest:
        return None
    return len(read_manifest(folder.path, manifest_name=members.MANIFEST_NAME).files)
