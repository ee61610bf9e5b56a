"""The top-down learner: cut rare words open, keep the substrings that are frequent.

As in TensorFlow Text: every substring that begins at a cut of a word is counted; from the longest to the
shortest, those that reach the threshold are kept and take their count away from all their prefixes, which
would not be matched there; the words are cut again with what was kept, and so on. The threshold is searched
that gives the number of pieces wanted. In the first round words are cut everywhere.

On a tree the subtraction is one pass. Let N(v) be the count of substring v and S(v) the count that the kept
substrings at and below v have taken away. What is left for v is r(v) = N(v) - sum over its children c of
S(c); v is kept if r(v) reaches the threshold, and then S(v) = N(v), else S(v) is the children's sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bertwright.tokenization.learning.segmentation import Segmentation
from bertwright.tokenization.learning.trie import Ints, Trie

Bools = npt.NDArray[np.bool_]

ROUNDS = 2
"""More rounds gain nothing once pieces are exchanged afterwards."""


@dataclass(frozen=True)
class Choice:
    """Substrings that are pieces, and the threshold that they reach."""

    chosen: Bools
    """(V,)"""
    threshold: int
    """In the unit of the weights."""


def choose_top_down(trie: Trie, weights: Ints, wanted: int, given: Bools, rounds: int = ROUNDS) -> Choice:
    """At most ``wanted`` pieces, and about so many.

    Args:
        weights: (W,) what each word weighs.
        wanted: number of pieces, those ``given`` among them.
        given: (V,) pieces in any case: the alphabet.
        rounds: how often words are cut.
    """
    amounts = weights[trie.word].astype(np.float64)
    counts = trie.totals(amounts)
    choice = _search(trie, counts, wanted, given)
    for _ in range(rounds - 1):
        cuts = Segmentation.of(trie, choice.chosen).cuts
        at_cuts = np.zeros(len(amounts))
        at_cuts[cuts] = amounts[cuts]
        choice = _search(trie, trie.totals(at_cuts), wanted, given)
    return choice


def keep(trie: Trie, counts: npt.NDArray[np.float64], threshold: int, given: Bools) -> Bools:
    """(V,) the substrings that are ``given``, or whose count less that of the kept longer ones reaches
    ``threshold``."""
    chosen = np.zeros(len(trie), np.bool_)
    taken = np.zeros(len(trie))  # of each node, by the kept nodes below it
    for level, above in zip(trie.levels[:0:-1], trie.levels[-2::-1], strict=True):
        chosen[level] = (counts[level] - taken[level] >= threshold) | given[level]
        trie.add_to_parents(taken, np.where(chosen[level], counts[level], taken[level]), level, above)
    return chosen


def _search(trie: Trie, counts: npt.NDArray[np.float64], wanted: int, given: Bools) -> Choice:
    """The lowest threshold that keeps at most ``wanted`` substrings."""
    low, high = 1, int(counts.max(initial=0)) + 1
    while low < high:
        middle = (low + high) // 2
        if int(keep(trie, counts, middle, given).sum()) > wanted:
            low = middle + 1
        else:
            high = middle
    return Choice(keep(trie, counts, low, given), low)
