"""Encoded rows and the batches made of them, by keyed chance.

Axes: B rows of a batch, S positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bertwright.model.input_tensors import InputTensors
from bertwright.randomness import generator
from bertwright.tokenization.encoding import ModelInput
from bertwright.tokenization.padding import pad

POOL_BATCHES = 32
"""Rows are sorted by length within pools of so many batches: little padding, yet other batches each epoch."""


@dataclass(frozen=True, slots=True)
class Features:
    """One row for the model, and what is to be learned from it."""

    input_ids: NDArray[np.int32]
    """(S,)"""
    token_type_ids: NDArray[np.int8]
    """(S,)"""
    truncated: bool
    """Whether pieces of the text were cut away."""
    example: int
    """Index of the example it was made from."""
    target: Any = None
    """What the task's loss wants: a class, a number, one class a token; None when it is to be predicted."""

    target_padding: ClassVar[int | None] = None
    """Targets by token are as long as the row, and are padded with this; None for all others."""

    @classmethod
    def of(cls, row: ModelInput, example: int, target: Any = None) -> Features:
        """From an assembled row."""
        types = np.asarray(row.token_type_ids, dtype=np.int8)
        return cls(np.asarray(row.input_ids, dtype=np.int32), types, row.truncated, example, target)

    def __len__(self) -> int:
        return len(self.input_ids)


class TaskBatch(NamedTuple):
    """Rows for one forward pass."""

    input_ids: Tensor
    """(B, S) int64"""
    token_type_ids: Tensor
    """(B, S) int64"""
    attention_mask: Tensor | None
    """(B, S) bool, true for tokens; None when there is no padding"""
    targets: Tensor | None
    """As the task's loss wants them; None when there are none"""
    examples: Tensor
    """(B,) int64: which example each row was made from"""

    def to(self, device: torch.device) -> TaskBatch:
        """On ``device``."""
        return TaskBatch(*(None if tensor is None else tensor.to(device) for tensor in self))  # type: ignore[arg-type]

    @property
    def known_targets(self) -> Tensor:
        """The targets of labelled rows.

        Raises:
            ValueError: one of the rows has none.
        """
        if self.targets is None:
            raise ValueError("rows without targets have no loss")
        return self.targets

    @property
    def num_tokens(self) -> int:
        """Tokens without padding."""
        return self.input_ids.numel() if self.attention_mask is None else int(self.attention_mask.sum())


def collate(features: Sequence[Features], pad_id: int) -> TaskBatch:
    """``features`` side by side, padded to the longest of them."""
    return TaskBatch(
        *InputTensors.of(features, pad_id),
        _targets(features),
        torch.tensor([row.example for row in features]),
    )


def _targets(features: Sequence[Features]) -> Tensor | None:
    targets = [row.target for row in features]
    if any(target is None for target in targets):
        return None
    padding = features[0].target_padding
    if padding is None:
        return torch.as_tensor(np.asarray(targets))
    return torch.from_numpy(pad(targets, padding))


def unknown_share(features: Sequence[Features], unk_id: int) -> float:
    """Share of the pieces, ``[CLS]`` and ``[SEP]`` counted, that the vocabulary does not know."""
    pieces = sum(len(row) for row in features)
    return sum(int((row.input_ids == unk_id).sum()) for row in features) / pieces if pieces else 0.0


class TrainingBatches:
    """The batches of a run; the batch of step n is a function of (rows, batch size, seed, n) alone.

    Args:
        features: the training rows.
        batch_size: rows a batch; the last batch of an epoch may be smaller.
        seed: of the order.
        together: keep the rows of one example in one batch, which then has ``batch_size`` examples.
        by_length: let rows of similar length share a batch.
    """

    def __init__(
        self,
        features: Sequence[Features],
        batch_size: int,
        pad_id: int,
        seed: int,
        *,
        together: bool = False,
        by_length: bool = False,
    ) -> None:
        self._features = features
        self._batch_size = batch_size
        self._pad_id = pad_id
        self._seed = seed
        self._together = together
        self._by_length = by_length
        self._units = _units(features, together)
        self._epoch = -1
        self._plan: list[NDArray[np.int64]] = []

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the rows."""
        return -(-len(self._units) // self._batch_size)

    def parts(self, step: int, size: int | None) -> list[TaskBatch]:
        """The batch of step ``step``, from 0, in parts of at most ``size`` rows, or examples where their rows
        belong together; None for one part."""
        epoch, place = divmod(step, self.steps_per_epoch)
        rows = self.plan(epoch)[place]
        starts = np.arange(len(rows))
        if self._together:
            examples = np.array([self._features[row].example for row in rows])
            starts = np.flatnonzero(np.diff(examples, prepend=-1))
        cuts = starts[len(starts) if size is None else size :: size or 1]
        return [collate([self._features[row] for row in part], self._pad_id) for part in np.split(rows, cuts)]

    def plan(self, epoch: int) -> list[NDArray[np.int64]]:
        """Row indices of every batch of an epoch; each row stands in exactly one."""
        if epoch != self._epoch:
            random = generator(self._seed, "fine-tuning order", epoch)
            lengths = np.array([max(len(self._features[row]) for row in unit) for unit in self._units])
            plan = plan_epoch(lengths, self._batch_size, random, by_length=self._by_length)
            self._plan = [np.concatenate([self._units[index] for index in batch]) for batch in plan]
            self._epoch = epoch
        return self._plan


def _units(features: Sequence[Features], together: bool) -> list[NDArray[np.int64]]:
    """Rows that are not to be separated: one by one, or all of an example."""
    if not together:
        return list(np.arange(len(features), dtype=np.int64)[:, None])
    rows: dict[int, list[int]] = {}
    for index, row in enumerate(features):
        rows.setdefault(row.example, []).append(index)
    return [np.array(unit, dtype=np.int64) for unit in rows.values()]


def plan_epoch(
    lengths: NDArray[np.int64], batch_size: int, random: np.random.Generator, *, by_length: bool
) -> list[NDArray[np.int64]]:
    """Shuffled rows in batches; ``by_length`` in batches of similar length, the batches in random order.

    A batch by length is no sample of the rows: what goes with length (short headlines without a verb, two
    long texts that share much) comes in streaks, and in a mean over tokens those of short rows count more.
    """
    order = random.permutation(len(lengths))
    if not by_length:
        return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), batch_size * POOL_BATCHES):
        pool = order[start : start + batch_size * POOL_BATCHES]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
    return [batches[index] for index in random.permutation(len(batches))]
