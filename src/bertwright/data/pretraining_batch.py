"""The value that pre-training reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PretrainingBatch:
    """B instances of at most S tokens with P masked tokens in all."""

    input_ids: Ids
    """(B, S): [CLS] A [SEP] B [SEP], or [CLS] A [SEP], then padding."""
    token_type_ids: Ids
    """(B, S): 0 up to the first [SEP], 1 up to the second, 0 on padding."""
    attention_mask: npt.NDArray[np.bool_]
    """(B, S): true on tokens, false on padding."""
    masked_positions: Ids
    """(P,): flat ``row * S + column``, ascending. Next tokens: all but the last [SEP]."""
    masked_labels: Ids
    """(P,): the true ids there. Next tokens: the ids that follow."""
    next_sentence_labels: Ids | None
    """(B,): 0 B follows A, 1 random (sentence order: 0 in order, 1 swapped); None for single segments."""

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def num_tokens(self) -> int:
        """Tokens without padding."""
        return int(np.count_nonzero(self.attention_mask))

    def rows(self, start: int, stop: int) -> PretrainingBatch:
        """Rows ``[start, stop)``: a micro-batch, or the part of one rank. S stays the same."""
        start, stop, _ = slice(start, stop).indices(len(self))
        columns = self.input_ids.shape[1]
        first, last = np.searchsorted(self.masked_positions, (start * columns, max(start, stop) * columns))
        labels = self.next_sentence_labels
        return PretrainingBatch(
            input_ids=self.input_ids[start:stop],
            token_type_ids=self.token_type_ids[start:stop],
            attention_mask=self.attention_mask[start:stop],
            masked_positions=self.masked_positions[first:last] - start * columns,
            masked_labels=self.masked_labels[first:last],
            next_sentence_labels=None if labels is None else labels[start:stop],
        )
