"""Model folders: opened, from ours, Hugging Face's or TensorFlow 1's, and written as Hugging Face's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bertwright import strict_json
from bertwright.checkpoints import members
from bertwright.checkpoints.bilm_folder import BilmFolder, read_bilm_weights
from bertwright.checkpoints.conversion import Weights, from_hugging_face, from_tensorflow
from bertwright.checkpoints.foreign_task import foreign_task
from bertwright.checkpoints.labels import read_labels
from bertwright.checkpoints.memory import require_memory
from bertwright.checkpoints.opened_folder import Head, ModelFolder
from bertwright.checkpoints.relatives import as_bert
from bertwright.checkpoints.saving import ARCHITECTURES, LEFT_TO_RIGHT, save_model
from bertwright.checkpoints.sentence_modules import MODULES, read_modules
from bertwright.checkpoints.stray_paths import refuse_absent, refuse_other
from bertwright.checkpoints.tensor_files import TensorFiles
from bertwright.checkpoints.tensorflow.bundle import TensorBundle
from bertwright.durable import look_at, read_manifest, verify
from bertwright.errors import ModelError, listed, shown_path
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.config import BertConfig
from bertwright.model.foreign_config import foreign_notes, stated_architecture
from bertwright.tokenization.folder import TOKENIZER_CONFIG, TOKENIZER_JSON
from bertwright.tokenization.tokenizer import Tokenizer

__all__ = ["Head", "ModelFolder", "open_model", "save_model"]


def open_model(
    path: str | Path,
    *,
    lower_case: bool | None = None,
    allow_nonfinite: bool = False,
    weight_files: Sequence[Path] | None = None,
) -> ModelFolder:
    """Read a model folder whole, and check it.

    Args:
        path: a folder with ``config.json`` and ``model.safetensors`` (ours or any BERT of Hugging Face's),
            with ``modules.json`` (of sentence-transformers), or with ``bert_config.json`` and a TensorFlow 1
            checkpoint; where there are several of those, the path of one without ``.index``.
        lower_case: overrides the stored casing.
        allow_nonfinite: accept weights that are NaN or infinite.
        weight_files: safetensors files to be read in place of those in a folder of Hugging Face's; an empty
            list for none: what else is there is read and checked.

    Raises:
        ModelError: the folder is incomplete or malformed, describes another network, its vocabulary has
            another size, or its weights are pickles, do not fit, or are not finite. Nothing in it is run.
        VocabularyError: its tokenizer files are malformed.
        DigestError: it has a manifest, and a file differs from it.
    """
    path = Path(path)
    look_at(path, ModelError)
    if members.is_checkpoint_prefix(path):
        return _open_tensorflow(path.parent, path, lower_case, allow_nonfinite)
    refuse_absent(path)
    if members.is_tensorflow(path):
        return _open_tensorflow(path, members.tensorflow_prefix(path), lower_case, allow_nonfinite)
    manifest = _verified_manifest(path)
    if (path / MODULES).exists():
        return _open_sentence_transformers(path, manifest, lower_case, allow_nonfinite, weight_files)
    return _open_hugging_face(path, manifest, lower_case, allow_nonfinite, weight_files)


def _open_sentence_transformers(
    path: Path,
    manifest: dict[str, Any],
    lower_case: bool | None,
    allow_nonfinite: bool,
    weight_files: Sequence[Path] | None,
) -> ModelFolder:
    modules = read_modules(path)
    folder = _open_hugging_face(modules.encoder, manifest, lower_case, allow_nonfinite, weight_files)
    modules = modules.fitted(folder.config)
    tokenizer = folder.tokenizer
    if modules.recipe.lower_case and lower_case is None and not tokenizer.settings.do_lower_case:
        changes = {"do_lower_case": True, "strip_accents": tokenizer.settings.strips_accents}
        tokenizer = Tokenizer(tokenizer.vocabulary, tokenizer.settings.model_copy(update=changes))
    notes = (*folder.notes, *modules.notes)
    return replace(folder, path=path, tokenizer=tokenizer, notes=notes, sentences=modules.recipe)


def _open_hugging_face(
    path: Path,
    manifest: dict[str, Any],
    lower_case: bool | None,
    allow_nonfinite: bool,
    weight_files: Sequence[Path] | None,
) -> ModelFolder:
    refuse_other(path)
    source = members.member(path, members.CONFIG)
    stored = members.load_config(source)
    if isinstance(stored, Mapping) and stored.get("model_type") == BilmConfig.model_type:
        return _open_bilm(path, stored, source, manifest, lower_case, allow_nonfinite)
    values, prefix, remarks = as_bert(stored, source)
    config = BertConfig.from_dict(values, source)
    require_memory(config, source)
    labels = read_labels(values, source)
    tokenizer, notes = _tokenizer(path, config, source, lower_case)
    notes += remarks + foreign_notes(values) + members.permission_notes(path)
    architecture = stated_architecture(values, source)
    files = members.weight_files(path) if weight_files is None else list(weight_files)
    if not files:
        none = Weights({}, frozenset(), ())
        return ModelFolder(path, config, tokenizer, none, manifest, tuple(notes), architecture)
    with TensorFiles(files) as tensors:
        weights = from_hugging_face(tensors, config, files[0], allow_nonfinite=allow_nonfinite, prefix=prefix)
    if "task" not in manifest:
        manifest = {**manifest, "task": foreign_task(values, labels, weights, source)}
    notes += _notes_on(weights, architecture)
    return ModelFolder(path, config, tokenizer, weights, manifest, tuple(notes), architecture)


def _open_bilm(
    path: Path,
    values: Mapping[str, Any],
    source: Path,
    manifest: dict[str, Any],
    lower_case: bool | None,
    allow_nonfinite: bool,
) -> ModelFolder:
    config = BilmConfig.from_dict(values, source)
    require_memory(config, source)
    tokenizer, notes = _tokenizer(path, config, source, lower_case)
    weights = read_bilm_weights(path, config, allow_nonfinite=allow_nonfinite)
    architecture = stated_architecture(values, source)
    notes += members.permission_notes(path)
    return BilmFolder(path, config, tokenizer, weights, manifest, tuple(notes), architecture)


def _open_tensorflow(
    folder: Path, prefix: Path, lower_case: bool | None, allow_nonfinite: bool
) -> ModelFolder:
    manifest = _verified_manifest(folder)
    source = members.member(folder, members.TENSORFLOW_CONFIG)
    config = BertConfig.from_tensorflow(strict_json.load(source, error=ModelError), source)
    require_memory(config, source)
    tokenizer, notes = _tokenizer(folder, config, source, lower_case)
    bundle = TensorBundle(prefix)
    weights = from_tensorflow(
        bundle.entries, bundle.read, config, bundle.index, allow_nonfinite=allow_nonfinite
    )
    if "task" not in manifest:
        manifest = {**manifest, "task": foreign_task({}, None, weights, source)}
    architecture = ARCHITECTURES["span"] if "span_head" in weights.parts else None
    notes += members.permission_notes(folder) + _notes_on(weights, architecture)
    return ModelFolder(folder, config, tokenizer, weights, manifest, tuple(notes))


def _verified_manifest(path: Path) -> dict[str, Any]:
    """What the folder's manifest says, every digest compared; nothing for folders of others."""
    if not (path / members.MANIFEST_NAME).exists():
        return {}
    manifest = read_manifest(path, members.KIND, manifest_name=members.MANIFEST_NAME, error=ModelError)
    verify(manifest)
    return {**manifest.fields, "digest": manifest.digest}


def _tokenizer(
    path: Path, config: BertConfig, source: Path, lower_case: bool | None
) -> tuple[Tokenizer, list[str]]:
    """The folder's tokenizer, which must have as many tokens as the network has word embeddings."""
    stored = [name for name in (TOKENIZER_JSON, TOKENIZER_CONFIG) if (path / name).exists()]
    tokenizer = Tokenizer.load(path, lower_case)
    size = len(tokenizer.vocabulary)
    if size != config.vocab_size:
        expected = f"vocab_size {size:,}, the size of the folder's vocabulary"
        raise ModelError.at(source, expected, config.vocab_size)
    if stored or lower_case is not None:
        return tokenizer, []
    found = "lower-cased" if tokenizer.settings.do_lower_case else "cased"
    return tokenizer, [f"{shown_path(path)}: casing is not stored; its vocabulary is {found}"]


def _notes_on(weights: Weights, architecture: str | None = None) -> list[str]:
    notes = []
    if weights.ignored:
        shown = listed(weights.ignored, 3)
        notes.append(f"{len(weights.ignored)} tensors of other heads are not used: {shown}")
    never = (ARCHITECTURES["token"], ARCHITECTURES["span"], LEFT_TO_RIGHT)
    by_token = architecture in never  # these never had one
    if weights.slots:
        shown = listed(weights.slots, 2)
        notes.append(f"{len(weights.slots)} tensors of an optimizer are not used: {shown}")
    if "pooler" not in weights.parts and not by_token:
        notes.append("no pooler is stored: the pooled output is that of initial weights")
    if any(place.dtype is torch.float64 for places in weights.places.values() for place in places):
        notes.append("weights are stored as float64 and were rounded to float32")
    return notes
