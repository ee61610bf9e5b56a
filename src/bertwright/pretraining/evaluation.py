"""How well a model does on documents that it was never trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bertwright.data.batches import held_out_batches
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.data.store import TokenStore
from bertwright.model.cross_entropy import cross_entropy
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.step import PretrainingStep
from bertwright.tokenization.vocabulary import Vocabulary
from bertwright.training.ranks import Ranks
from bertwright.training.sharding import sharded

LAST_TIMES = 4
"""The evaluation that ends a run reads so many times as many instances as those on the way."""

ROWS_AT_ONCE = 32
"""The most; as few as a micro-batch where predictions fill the memory."""


def read_held_out(
    store: TokenStore, vocabulary: Vocabulary, settings: PretrainingSettings
) -> list[PretrainingBatch]:
    """The batches of the longest evaluation: the same instances and masks every time.

    They have one length throughout, that of the phase behind the opening, so that figures can be compared.
    """
    wanted = settings.evaluation_instances * LAST_TIMES
    length = settings.held_out_length
    rows_at_once = min(ROWS_AT_ONCE, settings.instances_that_fit(length), settings.evaluation_instances)
    batches: list[PretrainingBatch] = []
    rows = 0
    instances = settings.held_out_instances(length)
    for batch in held_out_batches(store, vocabulary, instances, rows_at_once, settings.seed):
        batches.append(batch.rows(0, wanted - rows))
        rows += len(batches[-1])
        if rows >= wanted:
            break
    return batches


@dataclass(frozen=True)
class HeldOutEvaluation:
    """Figures about predicted tokens and pairs over held-out batches, shared among the ranks."""

    model: nn.Module
    batches: Sequence[PretrainingBatch]
    step: PretrainingStep
    ranks: Ranks
    instances: int
    """How many instances an evaluation on the way reads."""

    def __call__(self, last: bool) -> dict[str, float]:
        """Losses in nats, and shares of right answers.

        ``mlm_loss``, ``mlm_accuracy``, ``mlm_perplexity``; ``clm_loss`` and so on where next tokens are
        predicted, ``bilm_loss`` where next and previous ones are: over both directions together.
        ``nsp_loss``, ``nsp_accuracy``, and what always giving the same answer reaches, ``nsp_majority``.
        """
        batches = self.batches if last else self._first()
        sums = torch.zeros(6, dtype=torch.float64, device=self.step.device)
        for round_begin in range(0, len(batches), self.ranks.size):
            mine = round_begin + self.ranks.rank
            if mine < len(batches):
                sums += self._sums(batches[mine])
            elif sharded(self.model):  # the others' pass takes all ranks
                self.step.forward(self.model, batches[0])
        self.ranks.sum(sums)
        mlm, correct, masked, nsp, right, rows = sums.tolist()
        loss, words = mlm / max(masked, 1), self.step.words
        figures = {
            words.figure("loss"): loss,
            words.figure("accuracy"): correct / max(masked, 1),
            words.figure("perplexity"): math.exp(min(loss, 700.0)),
        }
        if rows:
            figures |= {
                "nsp_loss": nsp / rows,
                "nsp_accuracy": right / rows,
                "nsp_majority": majority(batches),
            }
        return figures

    def _first(self) -> Sequence[PretrainingBatch]:
        found: list[PretrainingBatch] = []
        left = self.instances
        for batch in self.batches:
            if left <= 0:
                break
            found.append(batch.rows(0, left))
            left -= len(found[-1])
        return found

    def _sums(self, batch: PretrainingBatch) -> Tensor:
        """Losses, right answers and counts: masked (3), pairs (3)."""
        output = self.step.forward(self.model, batch)
        labels = torch.from_numpy(self.step.labels(batch)).to(self.step.device)
        sums = _losses_and_hits(output.mlm_logits, labels)
        if batch.next_sentence_labels is None:
            return torch.cat([sums, torch.zeros_like(sums)])
        pairs = torch.from_numpy(batch.next_sentence_labels).to(self.step.device)
        return torch.cat([sums, _losses_and_hits(output.nsp_logits, pairs)])


def majority(batches: Sequence[PretrainingBatch]) -> float:
    """The share of the more frequent answer about pairs: not a half, as a chunk of a single sentence has
    no true other half, so that more pairs are wrong ones."""
    labels = np.concatenate(
        [batch.next_sentence_labels for batch in batches if batch.next_sentence_labels is not None]
    )
    return float(max(labels.mean(), 1 - labels.mean()))


def _losses_and_hits(logits: Tensor, labels: Tensor) -> Tensor:
    """Summed losses, right answers, and how many were asked for."""
    loss = cross_entropy(logits, labels).double().sum()
    right = (logits.argmax(-1) == labels).sum()
    count = torch.tensor(len(labels), device=logits.device)
    return torch.stack([loss, right.double(), count.double()])
