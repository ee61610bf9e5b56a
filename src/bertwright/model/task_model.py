"""The encoder with one added output layer: what all models for a task share (paper, section 4).

Axes: B rows of a batch, S positions, H hidden size, C outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor, nn

from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.model.initialization import initialize, without_numbers

HeadName = Literal["sequence", "token", "span", "choice"]


class TaskModel(nn.Module, ABC):
    """An encoder, as attribute ``encoder``, and an output layer, as attribute :attr:`part`.

    Args:
        config: sizes and constants.
        num_labels: C, the outputs of the layer.
        encoder: a trained encoder to put the new layer on; a fresh one when None.
        seed: of the initial weights; None leaves the parameters on the meta device, for a loader to fill.
    """

    head_name: ClassVar[HeadName]
    """Which of the four output layers it is."""
    by_token: ClassVar[bool] = False
    """Whether it has outputs for every token; otherwise for a row as a whole."""
    part: ClassVar[str] = "head"
    """Name of the layer's module, so also the prefix of its parameters."""
    pools: ClassVar[bool]
    """Whether the output layer reads the pooled output; otherwise the pooler is not part of the model."""

    def __init__(
        self, config: BertConfig, num_labels: int, *, encoder: BertEncoder | None = None, seed: int | None = 0
    ) -> None:
        super().__init__()
        self.config = config
        self.num_labels = num_labels
        self.encoder = BertEncoder(config, seed=seed) if encoder is None else encoder
        if not self.pools:
            self.encoder.pooler.requires_grad_(False)
        with without_numbers():
            layer = self._new_layer(config, num_labels)
        if seed is not None:
            initialize(layer, config.initializer_range, seed)
        self.add_module(self.part, layer)

    @staticmethod
    @abstractmethod
    def _new_layer(config: BertConfig, num_labels: int) -> nn.Module:
        """The output layer."""

    @abstractmethod
    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Logits of a batch; arguments as :meth:`BertEncoder.forward`."""

    def _every_token(
        self, input_ids: Tensor, token_type_ids: Tensor | None, attention_mask: Tensor | None
    ) -> Tensor:
        """The output layer on every token: (B, S, C); at padding it means nothing."""
        layer = self.get_submodule(self.part)
        return self.encoder.at_tokens(input_ids, token_type_ids, attention_mask, layer)
