"""Vectors of words: means and cosines, against loops over every word and every pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.looking.words import MeanSimilarity, mean_of_words, unit


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 99))
def test_the_mean_of_a_words_pieces(sizes: list[int], seed: int) -> None:
    stops = np.cumsum([1, *sizes])
    words = list(zip(stops[:-1].tolist(), stops[1:].tolist(), strict=True))
    states = np.random.default_rng(seed).normal(size=(3, int(stops[-1]) + 1, 5))
    found = mean_of_words(states, words)
    assert found.shape == (3, len(words), 5)
    for place, (start, stop) in enumerate(words):
        np.testing.assert_allclose(found[:, place], states[:, start:stop].mean(axis=1), atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.integers(0, 99))
def test_any_two_words(texts: list[int], seed: int) -> None:
    """Added text by text, and with words of one text only, what all pairs have in the mean."""
    generator, mean, added = np.random.default_rng(seed), MeanSimilarity(2, 5), []
    for count in texts:
        units = unit(generator.normal(size=(count, 5)))
        mean.add(1, units)
        added += list(units)
    below, found = mean.values()
    assert np.isnan(below)
    if len(added) < 2:
        assert np.isnan(found)
    else:
        pairs = [one @ other for one, other in combinations(added, 2)]
        np.testing.assert_allclose(found, np.mean(pairs), atol=1e-12)
