from __future__ import annotations

import numpy as np
import pytest

from bertwright.data.instance_statistics import InstanceStatistics
from bertwright.data.pretraining_batch import PretrainingBatch

PAD, CLS, SEP, MASK = 0, 1, 2, 3


def batch(paired: bool = True) -> PretrainingBatch:
    ids = np.array([[CLS, MASK, 11, SEP, 12, SEP, PAD, PAD], [CLS, 10, SEP, 11, 20, 13, 14, SEP]])
    types = np.array([[0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 1, 1]])
    return PretrainingBatch(
        input_ids=ids,
        token_type_ids=types if paired else np.zeros_like(types),
        attention_mask=ids != PAD,
        masked_positions=np.array([1, 4, 12]),
        masked_labels=np.array([10, 12, 12]),
        next_sentence_labels=np.array([1, 0]) if paired else None,
    )


def test_by_hand() -> None:
    statistics = InstanceStatistics(MASK, max_length=8)
    statistics.add(batch())
    statistics.add(batch())
    assert (statistics.instances, statistics.tokens, statistics.cells, statistics.pairs) == (4, 28, 32, 4)
    assert statistics.label_1_share == 0.5
    assert statistics.masked_share == 6 / 28
    assert statistics.kinds == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert statistics.lengths.tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 2]
    assert (statistics.full_share, statistics.padding_share) == (0.5, 4 / 32)


def test_single_segments_have_no_pairs() -> None:
    statistics = InstanceStatistics(MASK, max_length=8)
    statistics.add(batch(paired=False))
    assert (statistics.pairs, statistics.label_1_share) == (0, 0.0)


def test_of_nothing() -> None:
    statistics = InstanceStatistics(MASK, max_length=8)
    assert (statistics.masked_share, statistics.full_share, statistics.kinds) == (0, 0, (0, 0, 0))
