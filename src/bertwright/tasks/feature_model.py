"""A frozen encoder and the small model on its vectors as one network, saved and opened as a model folder.

Axes: B rows of a batch, S positions, n layers, H hidden size, C outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bertwright.checkpoints.model_folder import ModelFolder
from bertwright.checkpoints.tensor_file import read_tensors
from bertwright.errors import ModelError
from bertwright.features.layers import LayerChoice
from bertwright.features.model import FeatureModel
from bertwright.model.encoder import BertEncoder

METHOD = "features"
FILE = "features.safetensors"
"""The small model's weights, beside those of the encoder."""


class FrozenModel(nn.Module):
    """Ids -> hidden states of the chosen layers -> the small model's logits.

    Args:
        encoder: as it was pre-trained.
        small: what was trained on its vectors.
        description: of ``small``, as it is stored under ``features`` in the task.
    """

    def __init__(self, encoder: BertEncoder, small: FeatureModel, description: Mapping[str, Any]) -> None:
        super().__init__()
        self.encoder = encoder
        self.small = small
        self.description = dict(description)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Logits (B, C), or (B, S, C) by token; arguments as :meth:`BertEncoder.forward`."""
        output = self.encoder(input_ids, token_type_ids, attention_mask, output_hidden_states=True)
        layers = [output.hidden_states[layer] for layer in self.description["layers"]]
        logits: Tensor = self.small(torch.stack(layers, dim=2), attention_mask)  # of (B, S, n, H)
        return logits


def stored_frozen(folder: ModelFolder) -> FrozenModel:
    """The network saved in ``folder`` with a small model on frozen vectors.

    Raises:
        ModelError: it is incomplete, or does not fit its description.
    """
    description = (folder.task or {}).get("features")
    try:
        small = _small_model(folder.config.hidden_size, dict(description or {}))
        small.load_state_dict(read_tensors(folder.path / FILE))
    except (KeyError, TypeError, ValueError, RuntimeError) as problem:
        expected = "the description of a model on frozen vectors"
        got = str(problem).split("\n", 1)[0]
        raise ModelError.at(folder.path, expected, got, field="task.features") from None
    return FrozenModel(folder.encoder(), small, description or {}).eval()


def _small_model(hidden_size: int, description: Mapping[str, Any]) -> FeatureModel:
    choice = LayerChoice(description["name"], tuple(description["layers"]), description["joining"])
    return FeatureModel(
        choice,
        hidden_size,
        description["outputs"],
        head=description["head"],
        pool=description["pooling"],
        lstm_size=description["lstm_size"],
    )
