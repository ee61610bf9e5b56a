"""Instances for the eye: masked tokens with their true words."""

from __future__ import annotations

import numpy as np

from bertwright.data.findings import Sample, SampleToken
from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.tokenization.vocabulary import Vocabulary


def decode_samples(batch: PretrainingBatch, vocabulary: Vocabulary, count: int) -> list[Sample]:
    """The first ``count`` rows of ``batch`` as tokens, without [CLS] and [SEP]."""
    return [_decode(batch.rows(row, row + 1), vocabulary) for row in range(min(count, len(batch)))]


def _decode(row: PretrainingBatch, vocabulary: Vocabulary) -> Sample:
    truth = dict(zip(row.masked_positions.tolist(), row.masked_labels.tolist(), strict=True))
    length = int(np.count_nonzero(row.attention_mask))
    ids, types = row.input_ids[0, :length].tolist(), row.token_type_ids[0, :length]
    tokens = [
        SampleToken(vocabulary.tokens[token], vocabulary.tokens[truth[place]] if place in truth else None)
        for place, token in enumerate(ids)
    ]
    first = int(np.count_nonzero(types == 0))
    label = None if row.next_sentence_labels is None else int(row.next_sentence_labels[0])
    return Sample(label, tuple(tokens[1 : first - 1]), tuple(tokens[first : length - 1]))
