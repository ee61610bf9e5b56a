"""Whole rows to classes or numbers.

Axes: B rows of a batch, C classes.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from bertwright.model.config import BertConfig
from bertwright.model.heads import ClassHead
from bertwright.model.task_model import HeadName, TaskModel


class SequenceClassifier(TaskModel):
    """Single sentences or pairs to classes; with one output, to a number (paper, section 4.1)."""

    head_name: ClassVar[HeadName] = "sequence"
    pools = True

    @staticmethod
    def _new_layer(config: BertConfig, num_labels: int) -> nn.Module:
        return ClassHead(config, num_labels)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Logits (B, C) of a batch; arguments as :meth:`BertEncoder.forward`."""
        pooled = self.encoder.pooled(input_ids, token_type_ids, attention_mask)  # (B, H)
        logits: Tensor = self.get_submodule(self.part)(pooled)
        return logits
