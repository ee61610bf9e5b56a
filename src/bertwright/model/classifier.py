"""The encoder with one added output layer over whole rows.

Axes: B rows of a batch, S positions, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.model.heads import SequenceHead
from bertwright.model.initialization import initialize


class SequenceClassifier(nn.Module):
    """Single sentences or pairs to classes (paper, section 4.1).

    Args:
        config: sizes and constants.
        num_labels: C.
        encoder: a trained encoder to put the new layer on; a fresh one when None.
        seed: of the initial weights; None leaves the parameters on the meta device, for a loader to fill.
    """

    def __init__(
        self, config: BertConfig, num_labels: int, *, encoder: BertEncoder | None = None, seed: int | None = 0
    ) -> None:
        super().__init__()
        self.config = config
        self.num_labels = num_labels
        self.encoder = BertEncoder(config, seed=seed) if encoder is None else encoder
        with torch.device("meta"):
            self.head = SequenceHead(config, num_labels)
        if seed is not None:
            initialize(self.head, config.initializer_range, seed)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Logits (B, C) of a batch; arguments as :meth:`BertEncoder.forward`."""
        pooled = self.encoder.pooled(input_ids, token_type_ids, attention_mask)  # (B, H)
        logits: Tensor = self.head(pooled)
        return logits
