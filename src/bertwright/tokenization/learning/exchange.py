"""Pieces that save little are exchanged for substrings that would save more.

The top-down learner guesses what a piece is worth from counts. Once words are cut the worth can be
computed: a piece v saves, at every cut where it is the longest match, the pieces that its characters and
the rest of the word would take without it; a substring u that is no piece would save, at every cut whose
match is shorter, what the rest of the word costs now less what it would cost after u. Both are exact as
long as one piece changes at a time (and occurs once in a word), so only a share of the pieces is exchanged
in a round, less and less of them.

Savings are discounted by their evidence, since pieces are wanted for texts not seen: a substring that one
passage used once will hardly be seen again. A saving that rests on words of weight F counts (1 - d/F)
times, as in absolute discounting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bertwright.progress import Progress, Silent
from bertwright.tokenization.learning.counting import DISCOUNT
from bertwright.tokenization.learning.segmentation import Segmentation, tail
from bertwright.tokenization.learning.trie import FIRST, Ints, Trie

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

ROUNDS = 10
SHARE = 0.1
"""Of the pieces exchanged in the first round; quadratically fewer until the last."""


@dataclass(frozen=True)
class Worth:
    """What pieces save, in the unit of the weights."""

    gains: Floats
    """(V,) discounted: what a substring that is no piece would save if it were one."""
    losses: Floats
    """(V,) discounted: what a piece saves."""
    raw_gains: Floats
    """(V,) the gains without the discount."""

    @classmethod
    def of(cls, trie: Trie, chosen: Bools, weights: Ints) -> Worth:
        """The worth of all substrings while those ``chosen`` (V,) are pieces."""
        cut = Segmentation.of(trie, chosen)
        losses = _losses(trie, chosen, weights, cut)
        gains, evidence = _gains(trie, weights, cut)
        return cls(gains * _discount(evidence), losses, gains)


def exchange(
    trie: Trie,
    weights: Ints,
    chosen: Bools,
    given: Bools,
    wanted: int,
    *,
    rounds: int = ROUNDS,
    progress: Progress | None = None,
) -> Bools:
    """(V,) ``wanted`` pieces, or as many as save anything, starting from those ``chosen`` (V,).

    Args:
        weights: (W,) what each word weighs.
        given: (V,) pieces that stay: the alphabet.
        wanted: number of pieces.
    """
    watch = progress or Silent()
    chosen = chosen.copy()
    watch.start("exchanging pieces", rounds, "rounds")
    for number in range(rounds):
        worth = Worth.of(trie, chosen, weights)
        chosen &= given | (worth.losses > 0)
        best = _best(trie, ~chosen, worth.gains)
        worst = np.flatnonzero(chosen & ~given)
        worst = worst[np.argsort(worth.losses[worst], kind="stable")]
        free = wanted - int(chosen.sum())
        chosen[best[:free]] = True
        limit = max(1, int(SHARE * wanted * (1 - number / rounds) ** 2))
        best, worst = best[free : free + limit], worst[: len(best[free : free + limit])]
        pays = worth.gains[best[: len(worst)]] > worth.losses[worst]
        chosen[worst[pays]] = False
        chosen[best[: len(worst)][pays]] = True
        watch.advance(1, f"{int(pays.sum()):,} exchanged")
    watch.finish()
    return _filled(trie, weights, chosen, given, wanted)


def _filled(trie: Trie, weights: Ints, chosen: Bools, given: Bools, wanted: int) -> Bools:
    """Without pieces that the last exchange left unused. Room that is left goes to whatever saves anything in
    the words at hand, in the end however weak the evidence."""
    worth = Worth.of(trie, chosen, weights)
    chosen &= given | (worth.losses > 0)
    while (free := wanted - int(chosen.sum())) > 0:
        worth = Worth.of(trie, chosen, weights)
        best = _best(trie, ~chosen, worth.gains)
        if not len(best):
            best = _best(trie, ~chosen, worth.raw_gains)
        if not len(best):
            break
        chosen[best[:free]] = True
    return chosen


def _best(trie: Trie, eligible: Bools, gains: Floats) -> Ints:
    """Substrings that gain, the best first; never two of which one begins with the other, since they would
    gain at the same cuts."""
    gains = np.where(eligible, gains, 0.0)
    above, below = np.zeros(len(trie)), np.zeros(len(trie))  # the best gain among ancestors, descendants
    for level in trie.levels[1:]:
        parent = trie.parent[level]
        above[level] = np.maximum(above[parent], gains[parent])
    for level in trie.levels[:0:-1]:
        np.maximum.at(below, trie.parent[level], np.maximum(below[level], gains[level]))
    best = np.flatnonzero((gains > above) & (gains >= below))
    return best[np.argsort(-gains[best], kind="stable")]


def _losses(trie: Trie, chosen: Bools, weights: Ints, cut: Segmentation) -> Floats:
    longest = trie.longest(chosen)
    above = np.maximum(trie.parent[cut.pieces], FIRST)  # where nothing matches (an unknown word): a root
    shorter = np.maximum(trie.depth[longest[above]], 1)
    instead = 1 + tail(trie, cut.costs, cut.cuts, shorter)
    weight = weights[trie.word[cut.cuts]]
    saved = np.bincount(cut.pieces, weights=weight * (instead - cut.costs[cut.cuts]), minlength=len(trie))
    return saved * _discount(np.bincount(cut.pieces, weights=weight, minlength=len(trie)).astype(np.float64))


def _gains(trie: Trie, weights: Ints, cut: Segmentation) -> tuple[Floats, Floats]:
    """(V,) what each longer match than the present one would save, and the weight of the words where it
    would."""
    gains, evidence = np.zeros(len(trie)), np.zeros(len(trie))
    at, node, present = cut.cuts, trie.leaf[cut.cuts], trie.depth[cut.pieces]
    while len(at):
        longer = trie.depth[node] > present
        at, node, present = at[longer], node[longer], present[longer]
        weight = weights[trie.word[at]]
        saved = cut.costs[at] - 1 - tail(trie, cut.costs, at, trie.depth[node])
        gains += np.bincount(node, weights=weight * saved, minlength=len(trie))
        evidence += np.bincount(node, weights=weight, minlength=len(trie))
        node = trie.parent[node]
    return gains, evidence


def _discount(evidence: Floats) -> Floats:
    return np.maximum(0.0, 1.0 - DISCOUNT / np.maximum(evidence, 1.0))
