"""From words to pieces: the alphabet, the top-down choice, the exchange."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bertwright.progress import Progress, Silent
from bertwright.tokenization.learning.alphabet import UNKNOWN_COST, Alphabet
from bertwright.tokenization.learning.counting import SCALE, WordCounts, code_points
from bertwright.tokenization.learning.exchange import exchange
from bertwright.tokenization.learning.segmentation import Segmentation
from bertwright.tokenization.learning.topdown import choose_top_down
from bertwright.tokenization.learning.trie import LATER, Ints, Trie
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.vocabulary import CONTINUATION

MAX_WORDS = 1 << 19
"""So many distinct words, the heaviest, teach pieces; the others still count for the alphabet."""

_MINIMA = sorted({round(2 ** (step / 2)) for step in range(64)})
"""How often a character must occur to be in the alphabet: 1, 2, 3, 4, 6, 8, 11, 16, …"""

_CANDIDATES = 40
"""Substrings lighter than a fortieth of what a piece weighs on average are no candidates."""


@dataclass(frozen=True)
class LearnedPieces:
    """The pieces of a vocabulary, without the special tokens."""

    pieces: list[str]
    """First the alphabet, by code point; then the others, the most used first."""
    uses: Ints
    """(P,) how often each of those others is used in the words that taught them."""
    alphabet: Alphabet


def learn_pieces(
    counts: WordCounts,
    room: int,
    settings: TokenizerSettings,
    *,
    more: WordCounts | None = None,
    progress: Progress | None = None,
) -> LearnedPieces:
    """At most ``room`` pieces for the words of ``counts``: exactly so many unless no more save anything.

    Every word made of characters of the alphabet can be cut into them. Equal words and counts give equal
    pieces in equal order.

    Args:
        counts: the words, in order.
        room: how many pieces there may be.
        settings: how the words were made.
        more: words whose characters belong to the alphabet, too, but which teach no pieces.
    """
    watch = progress or Silent()
    everything = Alphabet.of([part for part in (counts, more) if part is not None], settings)
    words = _Words.of(counts, settings.max_input_chars_per_word)
    watch.start("finding substrings")
    support = int(words.weights.sum() / max(room, 1) / _CANDIDATES)
    trie = Trie.build(words.characters, words.lengths, words.weights, max(support, SCALE))
    watch.finish()

    watch.start("choosing pieces")
    first = _balanced(trie, words, everything, room)
    watch.finish()
    chosen = exchange(trie, first.weights, first.chosen, first.given, first.wanted, progress=watch)
    uses = Segmentation.of(trie, chosen).uses(trie, words.counts)
    nodes = np.flatnonzero(chosen & ~first.given)
    marks = np.where(trie.root[nodes] == LATER, CONTINUATION, "").tolist()
    texts = [mark + text for mark, text in zip(marks, trie.texts(nodes), strict=True)]
    found = sorted(zip((-uses[nodes]).tolist(), texts, strict=True))
    pieces = first.alphabet.pieces() + [piece for _, piece in found]
    return LearnedPieces(pieces, np.array([-use for use, _ in found], np.int64), first.alphabet)


@dataclass(frozen=True)
class _Words:
    """Words of several characters, fit to teach pieces (W words, N characters)."""

    characters: npt.NDArray[np.uint32]
    lengths: Ints
    weights: Ints
    counts: Ints

    @classmethod
    def of(cls, counts: WordCounts, longest: int) -> _Words:
        lengths = pc.utf8_length(counts.words).to_numpy()
        taken = np.flatnonzero((lengths > 1) & (lengths <= min(longest, 0xFFFF)))
        if len(taken) > MAX_WORDS:
            heaviest = np.argsort(-counts.weights[taken], kind="stable")[:MAX_WORDS]
            taken = np.sort(taken[heaviest])
        characters = code_points(counts.words.take(pa.array(taken)))
        return cls(characters, lengths[taken].astype(np.int64), counts.weights[taken], counts.counts[taken])


@dataclass(frozen=True)
class _Start:
    alphabet: Alphabet
    chosen: npt.NDArray[np.bool_]
    given: npt.NDArray[np.bool_]
    weights: Ints
    wanted: int
    threshold: int


def _balanced(trie: Trie, words: _Words, everything: Alphabet, room: int) -> _Start:
    """The top-down choice beside the largest alphabet whose rarest character is worth the least useful piece.

    The fewer characters, the more room for pieces, and the less useful the last of them: one point balances.
    """
    starts: dict[int, _Start] = {}

    def is_worth_it(minimum: int) -> bool:
        starts[minimum] = _top_down(trie, words, everything.frequent(minimum, room), room)
        return starts[minimum].threshold <= minimum * UNKNOWN_COST * SCALE

    if is_worth_it(1):
        return starts[1]
    bound = starts[1].threshold // (UNKNOWN_COST * SCALE) + 1
    minima = [m for m in _MINIMA if m < bound] + [bound]
    minimum = minima[bisect_left(minima, True, lo=1, hi=len(minima) - 1, key=is_worth_it)]
    if minimum not in starts:
        is_worth_it(minimum)
    return starts[minimum]


def _top_down(trie: Trie, words: _Words, alphabet: Alphabet, room: int) -> _Start:
    """The top-down choice beside ``alphabet``, whose characters that are nowhere in ``trie`` take room,
    too."""
    known = np.isin(trie.codes, alphabet.codes)
    given = np.zeros(len(trie), np.bool_)
    if len(trie.levels) > 1:
        given[trie.levels[1]] = known[trie.character[trie.levels[1]]]
    outside = alphabet.num_pieces - int(given.sum())
    unknown = ~np.isin(words.characters, alphabet.codes)
    weights = words.weights.copy()
    weights[trie.word[unknown]] = 0  # words with another character are unknown however they are cut
    choice = choose_top_down(trie, weights, room - outside, given)
    return _Start(alphabet, choice.chosen, given, weights, room - outside, choice.threshold)
