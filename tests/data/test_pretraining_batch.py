from __future__ import annotations

import numpy as np
import pytest

from bertwright.data.pretraining_batch import PretrainingBatch


@pytest.fixture
def batch() -> PretrainingBatch:
    ids = np.arange(24).reshape(3, 8)
    return PretrainingBatch(
        input_ids=ids,
        token_type_ids=ids % 2,
        attention_mask=ids % 8 < np.array([[8], [5], [6]]),
        masked_positions=np.array([1, 7, 9, 16, 21]),
        masked_labels=np.array([10, 11, 12, 13, 14]),
        next_sentence_labels=np.array([0, 1, 0]),
    )


def test_counts(batch: PretrainingBatch) -> None:
    assert (len(batch), batch.num_tokens) == (3, 19)


@pytest.mark.parametrize(
    "start, stop, positions, labels",
    [
        (0, 3, [1, 7, 9, 16, 21], [10, 11, 12, 13, 14]),
        (0, 1, [1, 7], [10, 11]),
        (1, 2, [1], [12]),
        (1, 3, [1, 8, 13], [12, 13, 14]),
        (2, 99, [0, 5], [13, 14]),
        (3, 3, [], []),
        (2, 1, [], []),
    ],
)
def test_rows_shift_positions(
    batch: PretrainingBatch, start: int, stop: int, positions: list[int], labels: list[int]
) -> None:
    part = batch.rows(start, stop)
    assert part.masked_positions.tolist() == positions
    assert part.masked_labels.tolist() == labels
    assert np.array_equal(part.input_ids, batch.input_ids[start:stop])
    assert np.array_equal(part.token_type_ids, batch.token_type_ids[start:stop])
    assert np.array_equal(part.attention_mask, batch.attention_mask[start:stop])
    assert part.next_sentence_labels is not None
    assert part.next_sentence_labels.tolist() == [0, 1, 0][start:stop]


def test_single_segments_have_no_pair_label(batch: PretrainingBatch) -> None:
    single = PretrainingBatch(
        batch.input_ids,
        batch.token_type_ids,
        batch.attention_mask,
        batch.masked_positions,
        batch.masked_labels,
        None,
    )
    assert single.rows(0, 2).next_sentence_labels is None
