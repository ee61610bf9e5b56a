"""How greedy longest-match-first cuts all words at once, given which substrings are pieces.

No text is touched: every suffix knows its longest node in the trie, so its longest piece is that node's
nearest ancestor that is a piece, and the number of pieces from a suffix on is one more than from where its
piece ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bertwright.tokenization.learning.trie import Ints, Nodes, Trie


@dataclass(frozen=True)
class Segmentation:
    """The cut of every word of a trie into pieces."""

    cuts: Ints
    """(P,) the suffixes at which pieces begin."""
    pieces: Nodes
    """(P,) the nodes of these pieces."""
    costs: npt.NDArray[np.int32]
    """(N + 1,) how many pieces it takes from each suffix to the end of its word; 0 at the end."""

    @classmethod
    def of(cls, trie: Trie, chosen: npt.NDArray[np.bool_]) -> Segmentation:
        """Cut the words of ``trie`` with the pieces ``chosen`` (V,)."""
        pieces = trie.longest(chosen)[trie.leaf]
        # A character that is no piece (its word is unknown, and weighs nothing) is passed over.
        steps = np.maximum(trie.depth[pieces], 1)
        costs = np.zeros(len(trie.leaf) + 1, np.int32)
        for suffixes in trie.by_remaining:
            costs[suffixes] = 1 + tail(trie, costs, suffixes, steps[suffixes])
        cuts = _cuts(trie, steps)
        return cls(cuts, pieces[cuts], costs)

    def uses(self, trie: Trie, amounts: Ints) -> Ints:
        """(V,) how often each piece is used, a word counting ``amounts`` (W,)."""
        weights = amounts[trie.word[self.cuts]]
        return np.bincount(self.pieces, weights=weights, minlength=len(trie)).astype(np.int64)


def tail(trie: Trie, costs: npt.NDArray[np.int32], suffixes: Ints, steps: Nodes) -> npt.NDArray[np.int32]:
    """The cost of what is left of the word ``steps`` characters after each of ``suffixes``."""
    left: npt.NDArray[np.int32] = np.where(trie.remaining[suffixes] > steps, costs[suffixes + steps], 0)
    return left


def _cuts(trie: Trie, steps: Nodes) -> Ints:
    begins = np.zeros(len(steps), np.bool_)
    place, end = trie.starts[:-1], trie.starts[1:]
    while len(place):
        begins[place] = True
        place = place + steps[place]
        inside = place < end
        place, end = place[inside], end[inside]
    return np.flatnonzero(begins)
