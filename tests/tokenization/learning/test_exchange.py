"""The worth of pieces against recounting, and what the exchange promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.tokenization.learning import exchange as module
from bertwright.tokenization.learning.exchange import Worth, exchange
from bertwright.tokenization.learning.segmentation import Segmentation
from bertwright.tokenization.learning.trie import Trie
from tokenization.learning.test_trie import names, trie_of

# No character twice in a word, so no piece occurs twice in one: there the worth is exact.
WORDS = st.dictionaries(
    st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=6, unique=True).map("".join),
    st.integers(1, 9),
    min_size=1,
    max_size=10,
)


def total(trie: Trie, chosen: np.ndarray, weights: np.ndarray) -> int:
    return int((Segmentation.of(trie, chosen).costs[trie.starts[:-1]] * weights).sum())


@given(WORDS, st.randoms(use_true_random=False))
def test_worth_is_what_recounting_gives(words: dict[str, int], random: object) -> None:
    trie = trie_of(words)
    weights = np.array(list(words.values()), np.int64)
    chosen = np.array(
        [n > 1 and (trie.depth[n] == 1 or random.random() < 0.3) for n in range(len(trie))]  # type: ignore[attr-defined]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "DISCOUNT", 0.0)
        worth = Worth.of(trie, chosen, weights)
    now = total(trie, chosen, weights)
    for node in np.flatnonzero(trie.depth > 1):
        other = chosen.copy()
        other[node] = not chosen[node]
        change = total(trie, other, weights) - now
        assert change == (worth.losses[node] if chosen[node] else -worth.gains[node]), names(trie)[node]


def test_weak_evidence_is_discounted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DISCOUNT", 4.0)
    trie = trie_of({"ab": 16, "cd": 5, "ef": 3})
    worth = Worth.of(trie, trie.depth == 1, np.array([16, 5, 3], np.int64))
    gains = {name: worth.gains[n] for n, name in enumerate(names(trie)) if len(name) == 2 and n > 1}
    assert gains == {"ab": 12.0, "cd": pytest.approx(1.0), "ef": 0.0}
    assert worth.raw_gains.max() == 16


@given(WORDS, st.integers(0, 12))
def test_exactly_as_many_as_wanted_or_none_left_to_gain(words: dict[str, int], more: int) -> None:
    trie = trie_of(words)
    weights = np.array(list(words.values()), np.int64)
    alphabet = trie.depth == 1
    wanted = int(alphabet.sum()) + more
    chosen = exchange(trie, weights, alphabet, alphabet, wanted)
    assert chosen[alphabet].all() and not chosen[:2].any()
    if chosen.sum() < wanted:  # then every word is one piece
        assert total(trie, chosen, weights) == weights.sum()
    assert chosen.sum() <= wanted
    assert total(trie, chosen, weights) <= total(trie, alphabet, weights)


def test_a_useless_piece_gives_way() -> None:
    words = {"abcd": 9000, "abce": 2000}
    trie = trie_of(words)
    text = names(trie)
    alphabet = trie.depth == 1
    start = alphabet | np.array([name == "abce" for name in text])
    chosen = exchange(trie, np.array([9000, 2000], np.int64), start, alphabet, int(start.sum()))
    assert [text[n] for n in np.flatnonzero(chosen & ~alphabet)] == ["abcd"]
