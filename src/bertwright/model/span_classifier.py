"""Where in a passage the answer stands (paper, section 4.2).

Axes: B rows of a batch, S positions.
"""

from __future__ import annotations

from torch import Tensor, nn

from bertwright.model.config import BertConfig
from bertwright.model.heads import SpanHead
from bertwright.model.task_model import TaskModel


class SpanClassifier(TaskModel):
    """A score for every token to begin the answer, and one to end it: ``num_labels`` is 2."""

    head_name = "span"
    by_token = True
    part = "span_head"
    pools = False

    @staticmethod
    def _new_layer(config: BertConfig, num_labels: int) -> nn.Module:
        if num_labels != 2:
            raise ValueError(f"num_labels: expected 2 (start and end), got {num_labels}")
        return SpanHead(config)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Logits (B, S, 2): start and end; at padding they mean nothing.

        Arguments as :meth:`BertEncoder.forward`."""
        return self._every_token(input_ids, token_type_ids, attention_mask)
