"""Model folders written as Hugging Face's, with a manifest of our own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bertwright.checkpoints import members
from bertwright.checkpoints.conversion import to_hugging_face
from bertwright.checkpoints.description import write_description
from bertwright.checkpoints.environment import environment
from bertwright.checkpoints.model_card import model_card
from bertwright.checkpoints.names import ENCODER
from bertwright.checkpoints.sentence_recipe import SentenceRecipe
from bertwright.checkpoints.tensor_file import require_finite, write_tensors
from bertwright.durable import NewDirectory
from bertwright.errors import ModelError
from bertwright.model.bilm import BilmEncoder, BilmForPreTraining
from bertwright.model.bilm_config import BilmConfig
from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.model.task_model import HeadName, TaskModel
from bertwright.model.topped_model import ToppedModel
from bertwright.tokenization.tokenizer import Tokenizer

ARCHITECTURES: Mapping[HeadName, str] = {
    "sequence": "BertForSequenceClassification",
    "token": "BertForTokenClassification",
    "span": "BertForQuestionAnswering",
    "choice": "BertForMultipleChoice",
}
"""What ``transformers`` calls a model with one of the heads."""

LEFT_TO_RIGHT = "BertLMHeadModel"
"""What it calls a left-to-right language model."""

_POOLER = ENCODER + "pooler."
_PAIRS = (_POOLER, "next_sentence_head.")


def save_model(
    path: str | Path,
    module: nn.Module,
    tokenizer: Tokenizer,
    *,
    task: Mapping[str, Any] | None,
    provenance: Mapping[str, Any],
    card: str | None = None,
    sentences: SentenceRecipe | None = None,
    more: Mapping[str, Mapping[str, Tensor]] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a model folder that ``transformers`` opens as it is, complete or not at all.

    Args:
        path: the new folder.
        module: a :class:`BertEncoder`, :class:`BertForPreTraining`, :class:`TaskModel`,
            :class:`ToppedModel`, of which the encoder is written, :class:`BilmEncoder` or
            :class:`BilmForPreTraining`, which bertwright alone opens; may be compiled.
        task: what it was adapted to, as JSON values: ``kind``, and where there are classes ``labels`` in the
            order of the logits.
        provenance: what it was made from, as JSON values; the ``environment`` is added where it has none.
        more: tensors for files of their own, by file name; what they mean is the task's business.
        sentences: how vectors of texts are made, for sentence-transformers and for ``embed``.
        card: text of ``README.md``; a plain one is written when None.
        overwrite: replace a model folder of ours that is there.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false, or it is not one of ours.
        ModelError: weights that are not finite, or a vocabulary or labels of another size than the network's.
        DiskError: the file system refused; what was there before is untouched.
    """
    module = getattr(module, "_orig_mod", module)  # what torch.compile wrapped
    config, state = _checked_state(module, tokenizer, task, path)
    save_weights(
        path,
        config,
        state,
        tokenizer,
        architecture=_architecture(module),
        task=task,
        provenance=provenance,
        card=card,
        sentences=sentences,
        more=more,
        overwrite=overwrite,
    )


def save_weights(
    path: str | Path,
    config: BertConfig,
    state: Mapping[str, Tensor],
    tokenizer: Tokenizer,
    *,
    architecture: str,
    task: Mapping[str, Any] | None,
    provenance: Mapping[str, Any],
    card: str | None = None,
    sentences: SentenceRecipe | None = None,
    more: Mapping[str, Mapping[str, Tensor]] | None = None,
    fields: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a model folder from parameters under our names; whatever parts there are, no others.

    Args:
        config: sizes of the network.
        state: float32 on the CPU, named as in the ``state_dict`` of a model with heads; finite.
        architecture: what ``transformers`` calls the network.
        fields: more of ``config.json``.

    The other arguments, and what is raised, are as for :func:`save_model`.
    """
    provenance = {"environment": environment(), **provenance}
    if isinstance(config, BilmConfig):  # which has no names elsewhere
        tensors = dict(state)
    else:
        tensors = to_hugging_face(state, config, prefix=architecture != "BertModel")
    parameters = sum(tensor.numel() for tensor in tensors.values())
    text = card or model_card(
        config, architecture, parameters, task, provenance, tokenizer=tokenizer, sentences=sentences
    )
    with NewDirectory(
        path,
        kind=members.KIND,
        overwrite=overwrite,
        needed_bytes=4 * parameters,
        manifest_name=members.MANIFEST_NAME,
    ) as new:
        write_description(
            new,
            config,
            tokenizer,
            architecture=architecture,
            task=task,
            provenance=provenance,
            card=text,
            sentences=sentences,
            fields={"dtype": "float32", **(fields or {})},
        )
        write_tensors(new, members.WEIGHTS, tensors, {"format": "pt"})
        for name, extra in (more or {}).items():
            write_tensors(new, name, {key: tensor.detach().cpu() for key, tensor in extra.items()})


def _checked_state(
    module: nn.Module, tokenizer: Tokenizer, task: Mapping[str, Any] | None, path: str | Path
) -> tuple[BertConfig, dict[str, Tensor]]:
    config = module.config
    if not isinstance(config, BertConfig):
        raise TypeError(f"{type(module).__name__} has no BertConfig")
    if len(tokenizer.vocabulary) != config.vocab_size:
        expected = f"a vocabulary of {config.vocab_size:,} tokens, the network's"
        raise ModelError.at(path, expected, f"{len(tokenizer.vocabulary):,}")
    state = {name: tensor.detach().to("cpu", torch.float32) for name, tensor in module.state_dict().items()}
    require_finite(state, path)
    if isinstance(module, BertEncoder | BilmEncoder):
        state = {ENCODER + name: tensor for name, tensor in state.items()}
    if isinstance(module, ToppedModel):  # its pooler is an untrained one
        encoder = {name: tensor for name, tensor in state.items() if name.startswith(ENCODER)}
        state = {name: tensor for name, tensor in encoder.items() if not name.startswith(_POOLER)}
    if isinstance(module, TaskModel):
        labels = (task or {}).get("labels")
        if labels is not None and len(labels) != module.num_labels:
            raise ModelError.at(path, f"{module.num_labels} labels, the classifier's", len(labels))
        if not module.pools:  # an untrained pooler would only mislead; transformers' classes have none either
            state = {name: tensor for name, tensor in state.items() if not name.startswith(_POOLER)}
    if isinstance(module, BertForPreTraining) and not module.pairs:
        state = {name: tensor for name, tensor in state.items() if not name.startswith(_PAIRS)}
    return config, state


def _architecture(module: nn.Module) -> str:
    if isinstance(module, BilmEncoder | BilmForPreTraining):
        return "BilmModel" if isinstance(module, BilmEncoder) else "BilmForPreTraining"
    if isinstance(module, TaskModel):
        return ARCHITECTURES[module.head_name]
    if isinstance(module, BertForPreTraining):
        if module.config.is_decoder:
            return LEFT_TO_RIGHT
        return "BertForPreTraining" if module.pairs else "BertForMaskedLM"
    if not isinstance(module, BertEncoder | ToppedModel):
        raise TypeError(f"{type(module).__name__}: no architecture of transformers")
    return "BertModel"
