"""Networks that onnxruntime computes, with the calls of those that PyTorch computes.

Axes: B rows of a batch, S positions, P masked positions, H hidden size, C outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from bertwright.errors import ModelError
from bertwright.export.heads import (
    BLANKS,
    ENDS,
    FOLLOWS,
    HIDDEN,
    IDS,
    LOGITS,
    MASK,
    MASKED,
    POOLED,
    STARTS,
    TYPES,
)
from bertwright.export.session import Session
from bertwright.model.config import BertConfig
from bertwright.model.encoder import EncoderOutput
from bertwright.model.pretraining_model import PretrainingOutput


class OnnxNetwork(nn.Module):
    """What all of them share.

    Args:
        session: computes.
        outputs: those of the session's graph.
        config: the network's sizes.

    Attributes:
        place: a parameter of no numbers: networks are asked for their device by their parameters.
    """

    def __init__(self, session: Session, outputs: Sequence[str], config: BertConfig) -> None:
        super().__init__()
        self.session = session
        self.outputs = tuple(outputs)
        self.config = config
        self.place = nn.Parameter(torch.empty(0), requires_grad=False)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        """Wherever it is sent, it computes on the processor."""
        return self

    def ask(
        self,
        outputs: Sequence[str],
        input_ids: Tensor,
        token_type_ids: Tensor | None,
        attention_mask: Tensor | None,
        masked_positions: Tensor | None = None,
    ) -> list[Tensor]:
        """The values of ``outputs``; arguments as :meth:`BertEncoder.forward`.

        Raises:
            ModelError: S exceeds ``max_position_embeddings``.
        """
        length, positions = input_ids.shape[1], self.config.max_position_embeddings
        if length > positions:
            raise ModelError(f"sequence of {length} tokens: the model has {positions} positions")
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        inputs = {IDS: input_ids, MASK: mask, TYPES: types}
        if masked_positions is not None:
            inputs[MASKED] = masked_positions
        return self.session.run(outputs, inputs)


class OnnxEncoder(OnnxNetwork):
    """In place of :class:`~bertwright.model.encoder.BertEncoder`."""

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
    ) -> EncoderOutput:
        """As :meth:`BertEncoder.forward`; without a stored pooler its output is zeros.

        Raises:
            ModelError: the hidden states of the layers below are asked for, which the graph does not give.
        """
        if output_hidden_states:
            expected = "a model with weights, to see its layers"
            raise ModelError(f"expected {expected}, got one in ONNX, which gives its last layer only")
        found = dict(
            zip(self.outputs, self.ask(self.outputs, input_ids, token_type_ids, attention_mask), strict=True)
        )
        hidden = found[HIDDEN]
        pooled = found.get(POOLED)
        return EncoderOutput(hidden, torch.zeros_like(hidden[:, 0]) if pooled is None else pooled, None)

    def at_tokens(
        self, input_ids: Tensor, token_type_ids: Tensor | None, attention_mask: Tensor | None
    ) -> Tensor:
        """As :meth:`BertEncoder.at_tokens`; at padding it means nothing."""
        whole: EncoderOutput = self(input_ids, token_type_ids, attention_mask)
        return whole.last_hidden_state


class OnnxPretraining(OnnxNetwork):
    """In place of :class:`~bertwright.model.pretraining_model.BertForPreTraining`."""

    def __init__(
        self, session: Session, outputs: Sequence[str], config: BertConfig, encoder: OnnxEncoder
    ) -> None:
        super().__init__(session, outputs, config)
        self.encoder = encoder

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None,
        attention_mask: Tensor | None,
        masked_positions: Tensor,
    ) -> PretrainingOutput:
        """As :meth:`BertForPreTraining.forward`; of a head that is not stored, no logits (0 rows)."""
        asked = masked_positions if BLANKS in self.outputs else None
        values = self.ask(self.outputs, input_ids, token_type_ids, attention_mask, asked)
        found = dict(zip(self.outputs, values, strict=True))
        return PretrainingOutput(
            found.get(BLANKS, torch.empty(0, self.config.vocab_size)), found.get(FOLLOWS, torch.empty(0, 2))
        )


class OnnxTaskNetwork(OnnxNetwork):
    """In place of a :class:`~bertwright.model.task_model.TaskModel`, or of a model on frozen vectors."""

    def __init__(self, session: Session, outputs: Sequence[str], config: BertConfig, num_labels: int) -> None:
        super().__init__(session, outputs, config)
        self.num_labels = num_labels

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Logits (B, C), or by token (B, S, C), of answers (B, S, 2)."""
        values = self.ask(self.outputs, input_ids, token_type_ids, attention_mask)
        found = dict(zip(self.outputs, values, strict=True))
        return found[LOGITS] if LOGITS in found else torch.stack([found[STARTS], found[ENDS]], dim=-1)
