"""The original BERT's answers on fixed inputs, and ours on the same (see ../shared/golden/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bertwright.checkpoints.names import names_of
from bertwright.model.losses import classification_loss, masked_language_loss
from bertwright.model.pretraining_model import BertForPreTraining

TOLERANCE = 2e-5


def arrays(path: Path) -> dict[str, Tensor]:
    """The arrays of an ``.npz`` as tensors."""
    with np.load(path) as file:
        return {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}


@dataclass(frozen=True)
class Answers:
    """What the original calls ``embedding_output`` .. ``total_loss``, computed by our model."""

    hidden_states: tuple[Tensor, ...]
    pooled_output: Tensor
    mlm_log_probs: Tensor
    nsp_log_probs: Tensor
    mlm_loss: Tensor
    nsp_loss: Tensor

    @property
    def total_loss(self) -> Tensor:
        return self.mlm_loss + self.nsp_loss


def answers(model: BertForPreTraining, inputs: Mapping[str, Tensor]) -> Answers:
    """Run ``model`` on golden inputs; mask and types may be absent."""
    ids = inputs["input_ids"].long()
    length = ids.shape[1]
    positions = (inputs["masked_lm_positions"] + length * torch.arange(len(ids))[:, None]).flatten()
    types = inputs["token_type_ids"].long() if "token_type_ids" in inputs else None
    mask = inputs.get("input_mask")
    output = model(ids, types, mask, positions)
    encoded = model.encoder(ids, types, mask, output_hidden_states=True)
    assert encoded.hidden_states is not None
    asked = inputs["masked_lm_weights"].flatten().bool()  # 1, and 0 where a row has fewer masks than others
    mlm_loss = masked_language_loss(output.mlm_logits[asked], inputs["masked_lm_ids"].flatten().long()[asked])
    nsp_loss = classification_loss(output.nsp_logits, inputs["next_sentence_labels"].flatten().long())
    return Answers(
        encoded.hidden_states,
        encoded.pooled_output,
        output.mlm_logits.log_softmax(-1),
        output.nsp_logits.log_softmax(-1),
        mlm_loss,
        nsp_loss,
    )


def gradients(model: BertForPreTraining, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """d total_loss / d variable under the original's names and orientation."""
    model.zero_grad()
    answers(model, inputs).total_loss.backward()
    result = {}
    parameters = dict(model.named_parameters())
    for name in names_of(model.config):
        gradient = parameters[name.ours].grad
        assert gradient is not None, name.ours
        for theirs, piece in zip(name.tensorflow, gradient.chunk(len(name.tensorflow)), strict=True):
            result[theirs] = piece.t() if theirs.endswith("/kernel") else piece
    return result


def furthest(ours: Tensor, theirs: Tensor) -> float:
    """The largest absolute difference; shapes must be equal."""
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return float((ours.detach() - theirs).abs().max())
