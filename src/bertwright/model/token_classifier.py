"""Every token to a class (paper, section 5.3: named entities).

Axes: B rows of a batch, S positions, C classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from bertwright.model.config import BertConfig
from bertwright.model.heads import ClassHead
from bertwright.model.task_model import TaskModel


class TokenClassifier(TaskModel):
    """A class for every token, without a pooler and without a layer that couples neighbours."""

    head_name = "token"
    by_token = True
    pools = False

    @staticmethod
    def _new_layer(config: BertConfig, num_labels: int) -> nn.Module:
        return ClassHead(config, num_labels)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Logits (B, S, C); at padding they mean nothing. Arguments as :meth:`BertEncoder.forward`."""
        return self._every_token(input_ids, token_type_ids, attention_mask)
