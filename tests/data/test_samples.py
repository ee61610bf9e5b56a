from __future__ import annotations

import numpy as np

from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.data.samples import decode_samples
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

VOCABULARY = Vocabulary.from_tokens([*SPECIAL_TOKENS, "the", "cat", "##s", "sat"])
PAD, _, CLS, SEP, MASK, THE, CAT, S, SAT = range(9)


def test_tokens_with_their_truth() -> None:
    batch = PretrainingBatch(
        input_ids=np.array([[CLS, THE, MASK, SEP, CAT, S, SEP], [CLS, SAT, SEP, PAD, PAD, PAD, PAD]]),
        token_type_ids=np.array([[0, 0, 0, 0, 1, 1, 1], [0] * 7]),
        attention_mask=np.array([[True] * 7, [True] * 3 + [False] * 4]),
        masked_positions=np.array([2, 5, 8]),
        masked_labels=np.array([CAT, SAT, SAT]),
        next_sentence_labels=None,
    )
    first, second = decode_samples(batch, VOCABULARY, 5)
    assert [(t.shown, t.truth) for t in first.a] == [("the", None), ("[MASK]", "cat")]
    assert [(t.shown, t.truth) for t in first.b] == [("cat", None), ("##s", "sat")]
    assert [(t.shown, t.truth) for t in second.a] == [("sat", "sat")]
    assert second.b == () and second.label is None
    assert decode_samples(batch, VOCABULARY, 0) == []
