"""Folders of an ELMo-like language model: opened for their features, and to go on with their training."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bertwright.checkpoints import members
from bertwright.checkpoints.conversion import Weights
from bertwright.checkpoints.opened_folder import Head, ModelFolder
from bertwright.checkpoints.places import Place, require_fit
from bertwright.checkpoints.tensor_file import read_tensors, require_finite
from bertwright.errors import ModelError
from bertwright.model.bilm import BilmEncoder, BilmForPreTraining
from bertwright.model.bilm_config import BilmConfig

SOFTMAX = "softmax_bias"
_BOTH: tuple[Head, ...] = ("forward_backward",)


@dataclass(frozen=True)
class BilmFolder(ModelFolder):
    """A folder whose network is two LSTMs. Nothing is fine-tuned here: its vectors are features."""

    config: BilmConfig

    @property
    def heads(self) -> frozenset[Head]:
        """``forward_backward``, where the softmax is here."""
        return frozenset({"forward_backward"} if SOFTMAX in self.weights.tensors else ())

    def encoder(self) -> Any:
        """A :class:`BilmEncoder`, whose hidden states are asked for as a BERT's are."""
        return self._filled(BilmEncoder(self.config, seed=None), self._encoder_weights())

    def pretraining_model(self, require: Collection[Head] = _BOTH, *, seed: int = 0) -> Any:
        """A :class:`BilmForPreTraining`; a softmax that is neither stored nor required begins as a new one's.

        Nothing is drawn from ``seed``: its biases begin at 0, and its matrix is the embeddings.

        Raises:
            ModelError: a required head is absent.
        """
        for head in require:
            self._require(head)
        model = BilmForPreTraining(self.config, seed=None)
        new = {SOFTMAX: torch.zeros(model.softmax_bias.shape)}
        return self._filled(model, new | self.weights.tensors)

    def require_trainable(self) -> None:
        """Refuse to be fine-tuned.

        Raises:
            ModelError: always.
        """
        hint = "its vectors are features of a new model: --method features"
        raise ModelError.at(self.path, "a Transformer to fine-tune", "an LSTM language model", hint=hint)

    def task_model(self, cls: type[Any]) -> Any:
        """There is none.

        Raises:
            ModelError: always.
        """
        self.require_trainable()

    def new_task_model(self, cls: type[Any], num_labels: int, *, seed: int = 0) -> Any:
        """There is none.

        Raises:
            ModelError: always.
        """
        self.require_trainable()


def read_bilm_weights(path: Path, config: BilmConfig, *, allow_nonfinite: bool = False) -> Weights:
    """The parameters in the folder ``path``, every one looked at.

    Raises:
        ModelError: missing or unknown tensors, a shape that does not fit the configuration, numbers that are
            not finite.
    """
    source = members.member(path, members.WEIGHTS)
    stored = read_tensors(source)
    module: nn.Module = BilmForPreTraining(config, seed=None)
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    if SOFTMAX not in stored:
        del expected[SOFTMAX]
    for what, names in (
        ("missing tensors", expected.keys() - stored.keys()),
        ("tensors that this network does not have", stored.keys() - expected.keys()),
    ):
        if names:
            raise ModelError(f"{source}: {what}: {len(names)} ({', '.join(sorted(names)[:5])})")
    places = {name: Place(name, tensor.dtype, tuple(tensor.shape)) for name, tensor in stored.items()}
    for name, place in places.items():
        require_fit(source, place, expected[name])
    tensors: Mapping[str, Tensor] = {name: tensor.float() for name, tensor in stored.items()}
    if not allow_nonfinite:
        require_finite(tensors, source)
    parts = {"encoder", *({"softmax"} if SOFTMAX in stored else ())}
    return Weights(dict(tensors), frozenset(parts), (), {name: (place,) for name, place in places.items()})
