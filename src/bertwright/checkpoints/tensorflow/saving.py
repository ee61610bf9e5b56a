"""A model as the folder of a TensorFlow 1 checkpoint, which the original code of BERT opens as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertwright.checkpoints import members
from bertwright.checkpoints.conversion import to_tensorflow
from bertwright.checkpoints.model_folder import Head, ModelFolder
from bertwright.checkpoints.tensorflow.bundle_writer import write_bundle
from bertwright.durable import NewDirectory
from bertwright.errors import ModelError
from bertwright.model.config import BertConfig
from bertwright.tokenization.folder import TOKENIZER_CONFIG, TOKENIZER_JSON, VOCAB_TXT
from bertwright.tokenization.settings import TokenizerSettings

CHECKPOINT = "bert_model.ckpt"
"""What the original's releases call it; the files are this with ``.index`` and ``.data-00000-of-00001``."""

_ACTIVATIONS: Mapping[str, str] = {
    "gelu_pytorch_tanh": "gelu",
    "gelu_new": "gelu",
    "relu": "relu",
    "tanh": "tanh",
    "linear": "linear",
}
"""Ours -> what the original calls it. Its ``gelu`` is the tanh form, and it has no other."""
_EPSILON = 1e-12
_LONGEST_WORD = TokenizerSettings().max_input_chars_per_word
_NAMELESS: tuple[Head, ...] = ("token", "choice")
"""Heads that the original code does not have, so that there is no name for their tensors."""


def save_tensorflow(
    path: str | Path,
    folder: ModelFolder,
    *,
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write ``folder`` as the folder of a TensorFlow 1 checkpoint, complete or not at all.

    The original reads ``bert_model.ckpt``, ``bert_config.json`` and ``vocab.txt``. Beside them stand
    ``tokenizer_config.json`` with the casing, which it takes from a flag, and ``bertwright.json`` with
    digests and the task: with these nothing is lost on the way back.

    Args:
        path: the new folder.
        provenance: what it was made from, as JSON values; that of ``folder`` when None.
        overwrite: replace a model folder of ours that is there.

    Raises:
        ModelError: the original cannot hold this network: another activation or epsilon, or a head that it
            has no name for.
        OutputExistsError: ``path`` exists and ``overwrite`` is false, or it is not one of ours.
        DiskError: the file system refused; what was there before is untouched.
    """
    config = original_config(folder.config, folder.path)
    _require_names(folder)
    tensors = to_tensorflow(folder.weights.tensors, folder.config)
    with NewDirectory(
        path,
        kind=members.KIND,
        overwrite=overwrite,
        needed_bytes=sum(tensor.nbytes for tensor in tensors.values()),
        manifest_name=members.MANIFEST_NAME,
    ) as new:
        new.write(members.TENSORFLOW_CONFIG, json.dumps(config, indent=2, sort_keys=True) + "\n")
        files = folder.tokenizer.files(model_max_length=folder.config.max_position_embeddings)
        for name in (VOCAB_TXT, TOKENIZER_CONFIG, TOKENIZER_JSON):
            new.write(name, files[name])
        write_bundle(new, CHECKPOINT, tensors)
        new.manifest = {
            "task": None if folder.task is None else dict(folder.task),
            "provenance": dict(folder.provenance if provenance is None else provenance),
        }


def original_config(config: BertConfig, source: str | Path) -> dict[str, Any]:
    """The fields of ``bert_config.json``.

    Raises:
        ModelError: the original would compute something else.
    """
    if config.is_decoder:
        raise ModelError.at(source, "false (the original attends to both sides)", True, field="is_decoder")
    if config.hidden_act not in _ACTIVATIONS:
        expected = f"one of {', '.join(_ACTIVATIONS)}, which the original has"
        hint = "its own gelu is the tanh form, gelu_pytorch_tanh" if config.hidden_act == "gelu" else None
        raise ModelError.at(source, expected, config.hidden_act, field="hidden_act", hint=hint)
    if not config.tie_word_embeddings:
        raise ModelError.at(source, "true (the original ties them)", False, field="tie_word_embeddings")
    if config.layer_norm_eps != _EPSILON:
        expected = f"{_EPSILON:g}, which is fixed in the original"
        raise ModelError.at(source, expected, config.layer_norm_eps, field="layer_norm_eps")
    values = config.to_dict() | {"hidden_act": _ACTIVATIONS[config.hidden_act]}
    del values["layer_norm_eps"]
    if not values["pad_token_id"]:
        del values["pad_token_id"]  # the original has no such field, and reads past it
    return values


def _require_names(folder: ModelFolder) -> None:
    for head in _NAMELESS:
        if head in folder.heads:
            expected = "a head that the original has: masked language, next sentence, sequence, span"
            raise ModelError.at(folder.path, expected, f"a {head} head")
    if "features" in (folder.task or {}):
        raise ModelError.at(folder.path, "a model whose weights are all BERT's", "a feature-based model")
    if folder.sentences is not None:
        hint = "without its modules.json the encoder alone is written"
        raise ModelError.at(folder.path, "a model without pooling of its own", "sentence vectors", hint=hint)


def not_taken_over(folder: ModelFolder) -> tuple[str, ...]:
    """What the original does otherwise, or has to be told, one line each."""
    notes = []
    if "pooler" not in folder.weights.parts:
        notes.append("no pooler is stored: the original starts one from initial weights")
    settings = folder.tokenizer.settings
    if settings.strips_accents != settings.do_lower_case or not settings.tokenize_chinese_chars:
        notes.append(
            "the original's tokenizer strips accents exactly when it lower-cases, and always cuts at Chinese "
            f"characters; here strip_accents is {settings.strips_accents}, tokenize_chinese_chars "
            f"{settings.tokenize_chinese_chars}"
        )
    if settings.max_input_chars_per_word != _LONGEST_WORD:
        notes.append(
            f"the original's tokenizer takes words of up to {_LONGEST_WORD} characters; here "
            f"max_input_chars_per_word is {settings.max_input_chars_per_word}"
        )
    if not settings.do_lower_case:
        notes.append("cased: the original must be told so, --do_lower_case=False")
    return tuple(notes)
