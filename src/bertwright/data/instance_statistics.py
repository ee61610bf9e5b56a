"""What pre-training batches are like, counted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bertwright.data.pretraining_batch import PretrainingBatch

Counts = npt.NDArray[np.int64]


@dataclass
class InstanceStatistics:
    """Sums over the batches that were added.

    Args:
        mask_id: the id of [MASK].
        max_length: the longest instance allowed.
    """

    mask_id: int
    max_length: int
    instances: int = 0
    tokens: int = 0
    """Special ones counted, padding not."""
    cells: int = 0
    """Rows times columns: with padding."""
    label_1: int = 0
    """Pairs whose B is random (sentence order: swapped)."""
    pairs: int = 0
    masked: int = 0
    replaced: int = 0
    """Masked tokens in whose place [MASK] stands,"""
    kept: int = 0
    """and those that stay (a random word may happen to be the same)."""
    lengths: Counts = field(init=False)
    """(max_length + 1,): instances by length."""

    def __post_init__(self) -> None:
        self.lengths = np.zeros(self.max_length + 1, np.int64)

    def add(self, batch: PretrainingBatch) -> None:
        """Count ``batch``."""
        lengths = batch.attention_mask.sum(1)
        paired = batch.next_sentence_labels is not None
        self.lengths += np.bincount(lengths, minlength=self.max_length + 1)
        self.instances += len(batch)
        self.tokens += int(lengths.sum())
        self.cells += batch.input_ids.size
        if batch.next_sentence_labels is not None:
            self.label_1 += int(batch.next_sentence_labels.sum())
        self.pairs += len(batch) if paired else 0
        now = batch.input_ids.ravel()[batch.masked_positions]
        self.masked += len(now)
        self.replaced += int((now == self.mask_id).sum())
        self.kept += int((now == batch.masked_labels).sum())

    @property
    def label_1_share(self) -> float:
        """Share of pairs with label 1."""
        return self.label_1 / max(1, self.pairs)

    @property
    def masked_share(self) -> float:
        """Masked tokens among all tokens."""
        return self.masked / max(1, self.tokens)

    @property
    def kinds(self) -> tuple[float, float, float]:
        """Shares of the masked tokens that became [MASK], became another word, stayed."""
        total = max(1, self.masked)
        return self.replaced / total, (self.masked - self.replaced - self.kept) / total, self.kept / total

    @property
    def full_share(self) -> float:
        """Share of instances of the longest length."""
        return int(self.lengths[self.max_length]) / max(1, self.instances)

    @property
    def padding_share(self) -> float:
        """Padding among all cells."""
        return 1 - self.tokens / max(1, self.cells)
