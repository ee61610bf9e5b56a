"""Pre-training batches, made when they are asked for.

The instances of a phase form one endless row: those of epoch 0, shuffled, then those of epoch 1 (new pairs,
new masks), and so on. Batch ``n`` holds the instances ``n * batch_size`` and following of that row; a batch
that reaches the end of an epoch runs on into the next, so all have the same size. An instance is a function
of (store, settings, seed, phase, its place in the row) and of nothing else: workers, ranks, the batch size
and what was made before do not matter. So no batch is made again to resume; only the instances of the epochs
before are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bertwright.data.epoch_plan import EpochPlans
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.masking import MaskRule, mask_rows
from bertwright.data.philox import stream_key
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.data.sentence_pairs import PairRule
from bertwright.data.store import TokenStore
from bertwright.data.truncation import truncate_rows
from bertwright.errors import StoreError
from bertwright.execution.compilation import Kernel, compiled
from bertwright.tokenization.vocabulary import Vocabulary

_ALIGNMENT = 8  # columns are padded to a multiple of it: matrix units like that

Int64s = npt.NDArray[np.int64]


class Rows(NamedTuple):
    """Instances before their tokens are read: int64 arrays as in ``PairArrays``, and their random streams."""

    a_start: Int64s
    a_length: Int64s
    b_start: Int64s
    b_length: Int64s
    label: Int64s
    truncation_keys: npt.NDArray[np.uint64]
    masking_keys: npt.NDArray[np.uint64]
    indices: npt.NDArray[np.uint64]
    """The place in the epoch."""


class PretrainingBatches:
    """Random access to the batches of one phase.

    Args:
        store: the token store (or a part of it).
        vocabulary: the one the store was made with.
        batch_size: instances of a global batch.
        phase: different phases of a run draw different pairs and masks.

    Raises:
        StoreError: the store was made with another vocabulary, or gives no instances.
    """

    def __init__(
        self,
        store: TokenStore,
        vocabulary: Vocabulary,
        settings: InstanceSettings,
        batch_size: int,
        seed: int,
        phase: int = 0,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
        store.require_vocabulary(vocabulary)
        self.store, self.vocabulary, self.settings = store, vocabulary, settings
        self.batch_size, self.seed, self.phase = batch_size, seed, phase
        self._mask_rule = MaskRule.of(settings, vocabulary.mask_id, len(vocabulary))
        self._mask_counts = np.array(settings.prediction_counts(), np.int64)
        self._starts_word = vocabulary.starts_word
        self._epochs = EpochPlans(store, PairRule.of(settings), seed, phase)
        if settings.sentence_order and int(np.diff(store.sentence_offsets[store.document_offsets]).max()) < 2:
            raise StoreError(
                f"{store.name}: expected documents of at least two tokens, to put in order, got nothing but "
                "single ones (--objective mlm takes them)"
            )

    def instances_in_epoch(self, epoch: int) -> int:
        """How many instances ``epoch`` has."""
        return self._epochs.count(epoch)

    def batch(self, step: int) -> PretrainingBatch:
        """The global batch of ``step`` (from 0)."""
        if step < 0:
            raise ValueError(f"step: expected at least 0, got {step}")
        first = step * self.batch_size
        return self._assemble(self._rows(first, first + self.batch_size))

    def num_tokens(self, step: int) -> int:
        """What :attr:`PretrainingBatch.num_tokens` of the batch of ``step`` is, without making it."""
        rows = self._rows(step * self.batch_size, (step + 1) * self.batch_size)
        return int((rows.a_length + rows.b_length).sum()) + self._specials * self.batch_size

    @property
    def _specials(self) -> int:
        return 3 if self.settings.paired else 2

    def one_epoch(self, epoch: int = 0) -> Iterator[PretrainingBatch]:
        """All instances of ``epoch`` once; the last batch may be smaller."""
        begin, end = self._epochs.start(epoch), self._epochs.start(epoch + 1)
        for first in range(begin, end, self.batch_size):
            yield self._assemble(self._rows(first, min(first + self.batch_size, end)))

    def _rows(self, first: int, last: int) -> Rows:
        """The truncated instances at places ``[first, last)`` of the endless row."""
        parts = []
        while first < last:
            epoch, place = self._epochs.locate(first)
            count = min(last - first, self._epochs.count(epoch) - place)
            parts.append(self._epoch_rows(epoch, place, count))
            first += count
        rows = parts[0] if len(parts) == 1 else Rows._make(map(np.concatenate, zip(*parts, strict=True)))
        truncate_rows(*rows[:4], self.settings.max_tokens, rows.truncation_keys, rows.indices)
        return rows

    def _epoch_rows(self, epoch: int, place: int, count: int) -> Rows:
        keys = (
            np.full(count, stream_key(self.seed, purpose, self.phase, epoch), np.uint64)
            for purpose in ("truncation", "masking")
        )
        columns = (column[place : place + count].astype(np.int64) for column in self._epochs.plan(epoch))
        return Rows._make((*columns, *keys, np.arange(place, place + count, dtype=np.uint64)))

    def _assemble(self, rows: Rows) -> PretrainingBatch:
        paired = self.settings.paired
        lengths = rows.a_length + rows.b_length + self._specials
        columns = min(-(-int(lengths.max()) // _ALIGNMENT) * _ALIGNMENT, self.settings.max_length)
        input_ids = self._read_tokens(rows, lengths, columns)
        place = np.arange(columns)
        attention_mask = place < lengths[:, None]
        if self.settings.next_token:
            positions, labels = next_tokens(input_ids, lengths)
        else:
            positions, labels = self._mask(input_ids, rows, lengths)
        second = attention_mask & (place >= rows.a_length[:, None] + 2)
        return PretrainingBatch(
            input_ids=input_ids,
            token_type_ids=second.astype(np.int64),
            attention_mask=attention_mask,
            masked_positions=positions,
            masked_labels=labels,
            next_sentence_labels=rows.label if paired else None,
        )

    def _mask(self, input_ids: Int64s, rows: Rows, lengths: Int64s) -> tuple[Int64s, Int64s]:
        """Mask ``input_ids`` in place: positions and true ids, each (P,)."""
        room = int(self._mask_counts[lengths].sum())
        positions, labels = np.empty(room, np.int64), np.empty(room, np.int64)
        masked = mask_rows(
            input_ids, rows.a_length, rows.b_length, self._mask_counts, self._word_starts(input_ids, rows),
            rows.masking_keys, rows.indices, self._mask_rule, positions, labels,
        )  # fmt: skip
        return positions[:masked], labels[:masked]

    def _read_tokens(self, rows: Rows, lengths: Int64s, columns: int) -> Int64s:
        """(B, S): the tokens of the instances with their special ones, padded."""
        input_ids = np.full((len(lengths), columns), self.vocabulary.pad_id, np.int64)
        numbers = np.arange(len(lengths))
        input_ids[:, 0] = self.vocabulary.cls_id
        input_ids[numbers, rows.a_length + 1] = self.vocabulary.sep_id
        input_ids[numbers, lengths - 1] = self.vocabulary.sep_id
        self._copy_segments(copy_tokens, self.store.shard_tokens, rows, input_ids)
        return input_ids

    def _word_starts(self, input_ids: Int64s, rows: Rows) -> npt.NDArray[np.bool_]:
        """Where words begin, for :func:`mask_rows`: by the store's words, else by pieces ``##...``."""
        if not self.settings.whole_word:
            return np.zeros((0, 0), np.bool_)
        if not self.store.has_words:
            return self._starts_word.take(input_ids)
        begins = np.ones(input_ids.shape, np.bool_)
        self._copy_segments(copy_bits, self.store.shard_word_starts, rows, begins)
        return begins

    def _copy_segments(
        self, kernel: Kernel, shards: Sequence[npt.NDArray[Any]], rows: Rows, target: npt.NDArray[Any]
    ) -> None:
        """Copy what ``shards`` have of the segments A and B of ``rows`` to their places in ``target``."""
        self._copy(kernel, shards, rows.a_start, rows.a_length, target, np.ones_like(rows.a_start))
        if self.settings.paired:
            self._copy(kernel, shards, rows.b_start, rows.b_length, target, rows.a_length + 2)

    def _copy(
        self,
        kernel: Kernel,
        shards: Sequence[npt.NDArray[Any]],
        starts: Int64s,
        lengths: Int64s,
        target: npt.NDArray[Any],
        columns: Int64s,
    ) -> None:
        shard_of, offsets = self.store.locate(starts)
        for shard in np.unique(shard_of):
            rows = np.flatnonzero(shard_of == shard)
            kernel(shards[shard], offsets[rows], lengths[rows], target, rows, columns[rows])


def held_out_batches(
    store: TokenStore, vocabulary: Vocabulary, settings: InstanceSettings, batch_size: int, seed: int
) -> Iterator[PretrainingBatch]:
    """One pass over ``store``, with pairs and masks of ``seed`` alone; the last batch may be smaller.

    Raises:
        StoreError: as :class:`PretrainingBatches`.
    """
    batches = PretrainingBatches(store, vocabulary, settings, batch_size, seed, phase=-1)
    return batches.one_epoch()


def next_tokens(input_ids: Int64s, lengths: Int64s) -> tuple[Int64s, Int64s]:
    """Where a token follows, and which: flat positions and ids, each (P,), from the first token of a row on.

    Args:
        input_ids: (B, S).
        lengths: (B,) tokens of each row, which stand at its beginning.
    """
    positions = np.flatnonzero(np.arange(input_ids.shape[1]) < lengths[:, None] - 1)
    return positions, input_ids.ravel()[positions + 1]


@compiled
def copy_tokens(
    tokens: npt.NDArray[np.integer],
    starts: Int64s,
    lengths: Int64s,
    input_ids: Int64s,
    rows: Int64s,
    columns: Int64s,
) -> None:
    """Copy ``tokens[starts[i] : starts[i] + lengths[i]]`` into row ``rows[i]`` from ``columns[i]`` on."""
    for i in range(len(starts)):
        for j in range(lengths[i]):
            input_ids[rows[i], columns[i] + j] = tokens[starts[i] + j]


@compiled
def copy_bits(
    bits: npt.NDArray[np.uint8],
    starts: Int64s,
    lengths: Int64s,
    flags: npt.NDArray[np.bool_],
    rows: Int64s,
    columns: Int64s,
) -> None:
    """The same for bits, of which a byte holds eight, the lowest first."""
    for i in range(len(starts)):
        for j in range(lengths[i]):
            place = starts[i] + j
            flags[rows[i], columns[i] + j] = (bits[place >> 3] >> (place & 7)) & 1
