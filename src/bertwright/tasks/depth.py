"""Where in the network a parameter stands, for rates by layer and for frozen layers."""

from __future__ import annotations

import re

from torch import nn

_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")


def depth_of(name: str, num_layers: int) -> int:
    """Steps of the parameter called ``name`` down from the output: 0 for pooler and output layer, 1 for the
    last layer, ``num_layers`` for the first, ``num_layers + 1`` for the embeddings."""
    if name.startswith("encoder.embeddings."):
        return num_layers + 1
    layer = _LAYER.match(name)
    return num_layers - int(layer[1]) if layer else 0


def freeze_lowest(model: nn.Module, layers: int, num_layers: int) -> None:
    """Keep the embeddings and the lowest ``layers`` of the encoder in ``model`` as they are."""
    for name, parameter in model.named_parameters():
        if depth_of(name, num_layers) > num_layers - layers:
            parameter.requires_grad_(False)
