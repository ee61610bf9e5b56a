"""One step of pre-training: the loss over tokens, masked or next ones (or next and previous ones), plus the
pair loss of a micro-batch.

Axes: B rows of the micro-batch, S positions, P its masked positions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bertwright.data.objectives import LEFT_TO_RIGHT, MASKED, WordObjective
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.model.cross_entropy import IGNORED
from bertwright.model.losses import classification_loss, masked_language_loss
from bertwright.model.pretraining_model import PretrainingOutput
from bertwright.training.parts import StepLoss

_MULTIPLE, _MULTIPLE_ON_HOST = 256, 16
"""P is rounded up to these."""


@dataclass(frozen=True)
class PretrainingPart:
    """A micro-batch, and what its global batch holds in all."""

    batch: PretrainingBatch
    masked_total: int
    """Masked tokens of the global batch."""
    rows_total: int
    """Instances of the global batch."""


@dataclass(frozen=True)
class PretrainingStep:
    """Forward pass and losses; the paper's total is the plain sum of both."""

    device: torch.device
    words: WordObjective = MASKED
    """What is predicted."""

    def __call__(self, model: nn.Module, part: PretrainingPart) -> StepLoss:
        """The part's share of the global batch's mean losses: the parts add up to them."""
        batch = _of_few_shapes(part.batch, _MULTIPLE_ON_HOST if self.device.type == "cpu" else _MULTIPLE)
        output = self.forward(model, batch)
        labels = self._moved(self.labels(batch))
        mlm = masked_language_loss(output.mlm_logits, labels, total=part.masked_total * self.words.sides)
        if batch.next_sentence_labels is None:
            return StepLoss(mlm, {self.words.figure("loss"): mlm})
        pair_labels = self._moved(batch.next_sentence_labels)
        nsp = classification_loss(output.nsp_logits, pair_labels, total=part.rows_total)
        return StepLoss(mlm + nsp, {self.words.figure("loss"): mlm, "nsp_loss": nsp})

    def labels(self, batch: PretrainingBatch) -> npt.NDArray[np.int64]:
        """The true ids, (P,), or (2 P,): those after each position, then those at it, which the backward
        direction says."""
        if self.words.sides == 1:
            return batch.masked_labels
        there = batch.input_ids.ravel()[batch.masked_positions]
        there = np.where(batch.masked_labels == IGNORED, IGNORED, there)
        return np.concatenate([batch.masked_labels, there])

    def forward(self, model: nn.Module, batch: PretrainingBatch) -> PretrainingOutput:
        """Logits (P, V), or (2 P, V) in the order of :meth:`labels`, and (B, 2)."""
        padded = not batch.attention_mask.all()
        if self.words is LEFT_TO_RIGHT and self.device.type != "cpu":
            padded = False  # it stands behind the tokens, unseen; only a CPU gains by leaving it out
        output: PretrainingOutput = model(
            self._moved(batch.input_ids),
            self._moved(batch.token_type_ids) if batch.next_sentence_labels is not None else None,
            self._moved(batch.attention_mask) if padded else None,
            self._moved(batch.masked_positions),
        )
        return output

    def _moved(self, array: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if self.device.type == "cuda":  # from pinned memory the copy does not wait for the device
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor


def _of_few_shapes(batch: PretrainingBatch, multiple: int) -> PretrainingBatch:
    """P rounded up, with labels that count nothing: compiled code, and oneDNN's plans for products, meet few
    shapes, as each costs time to make anew (on a CPU up to a twentieth of a step)."""
    missing = -len(batch.masked_labels) % multiple
    return replace(
        batch,
        masked_positions=np.pad(batch.masked_positions, (0, missing)),
        masked_labels=np.pad(batch.masked_labels, (0, missing), constant_values=IGNORED),
    )
