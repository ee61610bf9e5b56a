"""An opened model folder: what was read, and the networks that are built of it on request."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar

from torch import Tensor, nn

from bertwright.checkpoints.conversion import Weights
from bertwright.checkpoints.names import ENCODER
from bertwright.checkpoints.saving import ARCHITECTURES
from bertwright.checkpoints.sentence_recipe import SentenceRecipe
from bertwright.checkpoints.tensor_file import digest_of_tensors
from bertwright.durable import digest_of
from bertwright.errors import ModelError
from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.model.initialization import initialize_absent
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.model.task_model import HeadName, TaskModel
from bertwright.tokenization.tokenizer import Tokenizer

Head = Literal["masked_language", "left_to_right", "forward_backward", "next_sentence"] | HeadName
Module = TypeVar("Module", bound=nn.Module)
Model = TypeVar("Model", bound=TaskModel)

_HEADS: Mapping[str, Head] = {
    "masked_language_head": "masked_language",
    "next_sentence_head": "next_sentence",
    "span_head": "span",
}
_CLASSIFIERS: tuple[HeadName, ...] = ("token", "choice")
"""Heads whose tensors are named like the one for whole rows; the architecture tells them apart."""
_POOLED: tuple[Head, ...] = ("next_sentence", "sequence", "choice")
"""Heads that read the pooled output."""
_INITIAL = frozenset({"pooler", "masked_language_head", "next_sentence_head"})
"""Parts that a network may have without the folder: they get initial weights."""
_PRETRAINING: tuple[Head, ...] = ("masked_language", "next_sentence")


@dataclass(frozen=True)
class ModelFolder:
    """A model folder that was read and checked. Networks are built from it on request, in evaluation mode."""

    path: Path
    config: BertConfig
    tokenizer: Tokenizer
    weights: Weights = field(repr=False)
    manifest: Mapping[str, Any]
    """What ``bertwright.json`` says besides the files' digests: ``task``, ``provenance``, its own ``digest``.
    For folders of others ``task`` is made from ``config.json``, and the rest is absent."""
    notes: tuple[str, ...] = ()
    """What a careful user wants to know: parts that are missing or not used, casing that was inferred."""
    architecture: str | None = None
    """What ``config.json`` calls the network, e.g. ``BertForTokenClassification``; None where it does not."""
    sentences: SentenceRecipe | None = None
    """How texts become vectors, for sentence-transformers folders."""
    shared: bool = False
    """Whether networks hold the numbers of ``weights`` themselves rather than copies; see :meth:`for_use`."""

    @property
    def heads(self) -> frozenset[Head]:
        """The heads whose weights are here."""
        found = {head for part, head in _HEADS.items() if part in self.weights.parts}
        if "head" in self.weights.parts:
            found.add(_classifier_head(self.architecture))
        if self.config.is_decoder and "masked_language" in found:  # the same head, asked about the next token
            found = found - {"masked_language"} | {"left_to_right"}
        return frozenset(found)

    @cached_property
    def digest(self) -> str:
        """Names the contents: equal digests give equal answers.

        Folders of others have no manifest to name them: what was read is looked at, every number of it, and
        nothing besides. So it is the same for a copy, and for other files in the folder.
        """
        contents = self.manifest.get("digest") or self._contents()
        return digest_of({"contents": contents, "tokenizer": self.tokenizer.digest})

    def _contents(self) -> dict[str, Any]:
        recipe = self.sentences
        dense = [] if recipe is None else [(layer.weight, layer.bias) for layer in recipe.dense]
        more = {f"{number}": tensor for number, tensor in enumerate(chain(*dense)) if tensor is not None}
        said = {
            "config": self.config.to_dict(),
            "architecture": self.architecture,
            "task": self.task,
            "sentences": None if recipe is None else recipe.facts(),
        }
        weights = digest_of_tensors(self.weights.tensors | more)
        return {"said": json.dumps(said, sort_keys=True), "weights": weights}  # ASCII: names may be anything

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What it was made from; empty for folders of others."""
        return self.manifest.get("provenance") or {}

    @property
    def task(self) -> Mapping[str, Any] | None:
        """What the model was adapted to (``kind``, ``labels`` …); None for a pre-trained model."""
        return self.manifest.get("task")

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the classifier's logits; empty without a classifier."""
        return tuple((self.task or {}).get("labels", ()))

    def for_use(self) -> ModelFolder:
        """The same folder for networks that are used and not trained: all share one copy of the weights."""
        return replace(self, shared=True)

    def encoder(self) -> BertEncoder:
        """The encoder. A pooler that is not stored (``BertForMaskedLM``) gets initial weights."""
        return self._filled(BertEncoder(self.config, seed=None), self._encoder_weights())

    def pretraining_model(
        self, require: Collection[Head] = _PRETRAINING, *, seed: int = 0
    ) -> BertForPreTraining:
        """The encoder with both pre-training heads.

        Args:
            require: heads whose weights must be here; one that is absent otherwise gets initial weights.
            seed: what those are drawn from.

        Raises:
            ModelError: a required head is absent.
        """
        for head in require:
            self._require(head)
        heads = ("head.", "span_head.")
        own = {name: tensor for name, tensor in self.weights.tensors.items() if not name.startswith(heads)}
        model = BertForPreTraining(self.config, seed=None)
        model.pairs = "next_sentence" in self.heads
        return self._filled(model, own, seed)

    def task_model(self, cls: type[Model]) -> Model:
        """The encoder with the output layer that is stored here.

        Raises:
            ModelError: there is none of this class.
        """
        self._require(cls.head_name)
        prefix = f"{cls.part}."
        count = self.weights.tensors[f"{prefix}output.bias"].shape[0]
        encoder = BertEncoder(self.config, seed=None)
        model = cls(self.config, count, encoder=encoder, seed=None)
        own = {name: t for name, t in self.weights.tensors.items() if name.startswith((ENCODER, prefix))}
        return self._filled(model, own)

    def require_trainable(self) -> None:
        """Refuse what cannot be fine-tuned; a BERT can.

        Raises:
            ModelError: saying what it is for.
        """

    def new_task_model(self, cls: type[Model], num_labels: int, *, seed: int = 0) -> Model:
        """The encoder with a new output layer of ``num_labels`` outputs, drawn from ``seed``."""
        folder = replace(self, config=self.config.reading_rows()) if cls.pools else self
        return cls(folder.config, num_labels, encoder=folder.encoder(), seed=seed)

    def _encoder_weights(self) -> dict[str, Tensor]:
        """By their names in the encoder."""
        return {
            name.removeprefix(ENCODER): tensor
            for name, tensor in self.weights.tensors.items()
            if name.startswith(ENCODER)
        }

    def _require(self, head: Head) -> None:
        if head not in self.heads:
            have = ", ".join(sorted(self.heads)) or "none"
            raise ModelError.at(self.path, f"a model with a {head.replace('_', ' ')} head", f"heads: {have}")
        self.require_pooler({head})

    def require_pooler(self, heads: Collection[Head]) -> None:
        """Refuse to compute one of ``heads`` from a pooled output that nobody trained.

        Raises:
            ModelError: it reads the pooler, and none is stored.
        """
        for head in _POOLED:
            if head in heads and "pooler" not in self.weights.parts:
                expected = f"a pooler, which the {head.replace('_', ' ')} head reads"
                raise ModelError.at(self.path, expected, "none stored")

    def _filled(self, module: Module, tensors: Mapping[str, Tensor], seed: int = 0) -> Module:
        own = tensors if self.shared else {name: tensor.clone() for name, tensor in tensors.items()}
        module.load_state_dict(own, strict=False, assign=True)
        initialize_absent(module, _INITIAL - self.weights.parts, self.config.initializer_range, seed)
        if any(parameter.is_meta for parameter in module.parameters()):
            raise ModelError.at(self.path, "weights for every parameter", "some are missing")
        return module.eval()


def _classifier_head(architecture: str | None) -> HeadName:
    return next((head for head in _CLASSIFIERS if ARCHITECTURES[head] == architecture), "sequence")
