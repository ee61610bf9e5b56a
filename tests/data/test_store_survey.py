from __future__ import annotations

from collections import Counter
from itertools import chain

import numpy as np
import pytest

from bertwright.data.store import TokenStore
from bertwright.data.store_survey import StoreSurvey

UNK = 1
DOCUMENTS = [
    [[5, 6, 7], [1, 1]],
    [[5, 6, 7], [8]],
    [[5, 6, 7], [1, 1]],
    [[5, 6], [7, 1, 1]],  # the same tokens as the first, cut elsewhere
    [[1]],
    [[0, 5, 6, 7]],
]


@pytest.fixture(scope="module")
def survey() -> StoreSurvey:
    return StoreSurvey.of(TokenStore.from_documents(DOCUMENTS, 10), UNK)


def groups(digests: np.ndarray) -> set[frozenset[int]]:
    places: dict[int, set[int]] = {}
    for place, value in enumerate(digests.tolist()):
        places.setdefault(value, set()).add(place)
    return {frozenset(group) for group in places.values() if len(group) > 1}


def test_equal_texts_have_equal_digests(survey: StoreSurvey) -> None:
    assert groups(survey.document_digests) == {frozenset({0, 2})}
    assert groups(survey.sentence_digests) == {frozenset({0, 2, 4}), frozenset({1, 5})}


def test_counts(survey: StoreSurvey) -> None:
    assert survey.unknown.tolist() == [2, 0, 2, 2, 1, 0]
    expected = Counter(chain.from_iterable(chain.from_iterable(DOCUMENTS)))
    assert survey.uses.tolist() == [expected[number] for number in range(10)]


def test_a_part_of_a_store_alone_is_read(survey: StoreSurvey) -> None:
    store = TokenStore.from_documents(DOCUMENTS, 10)
    part = StoreSurvey.of(store.select(np.array([1, 4]), "part"), UNK)
    assert part.unknown.tolist() == [0, 1]
    assert part.document_digests.tolist() == survey.document_digests[[1, 4]].tolist()
    assert part.uses.sum() == 5


def test_digests_of_random_sentences_do_not_collide() -> None:
    rng = np.random.default_rng(0)
    sentences = {tuple(rng.integers(0, 60_000, rng.integers(1, 6)).tolist()) for _ in range(20_000)}
    store = TokenStore.from_documents([[list(sentence) for sentence in sentences]], 60_000)
    assert len(np.unique(StoreSurvey.of(store, UNK).sentence_digests)) == len(sentences)
