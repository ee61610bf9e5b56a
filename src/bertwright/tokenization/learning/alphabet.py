"""Which characters a vocabulary holds: those frequent enough, so that no word made of them is unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from bertwright.tokenization.learning.counting import WordCounts, code_points
from bertwright.tokenization.learning.splitting import stands_alone
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.vocabulary import CONTINUATION

Ints = npt.NDArray[np.int64]

UNKNOWN_COST = 64
"""An unknown word costs as much as so many pieces: a character is in the alphabet when it occurs at least
once for every 64 occurrences that the least useful piece has."""

_WORDS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Alphabet:
    """The characters of a corpus; each takes two pieces (``c`` and ``##c``), or one where it always stands
    alone."""

    codes: npt.NDArray[np.uint32]
    """(C,) code points, ascending."""
    counts: Ints
    """(C,) how often each occurs."""
    alone: npt.NDArray[np.bool_]
    """(C,) whether each is always a word of its own."""

    @classmethod
    def of(cls, parts: Iterable[WordCounts], settings: TokenizerSettings) -> Alphabet:
        """The characters of all words, and how often they occur."""
        occurrences = np.zeros(0x110000)
        for part in parts:
            for start in range(0, len(part.words), _WORDS_AT_ONCE):
                words = part.words.slice(start, _WORDS_AT_ONCE)
                counts = np.repeat(
                    part.counts[start : start + _WORDS_AT_ONCE], pc.utf8_length(words).to_numpy()
                )
                occurrences += np.bincount(code_points(words), weights=counts, minlength=0x110000)
        codes = np.flatnonzero(occurrences).astype(np.uint32)
        alone = np.array([stands_alone(chr(code), settings) for code in codes], dtype=np.bool_)
        return cls(codes, occurrences[codes].astype(np.int64), alone)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def num_pieces(self) -> int:
        """How many pieces the characters take."""
        return int(2 * len(self.codes) - self.alone.sum())

    def frequent(self, minimum: int, room: int) -> Alphabet:
        """The characters that occur ``minimum`` times or more and, most frequent first, fit into ``room``."""
        order = np.lexsort((self.codes, -self.counts))
        taken = np.cumsum(np.where(self.alone[order], 1, 2))
        chosen = np.sort(order[(taken <= room) & (self.counts[order] >= minimum)])
        return Alphabet(self.codes[chosen], self.counts[chosen], self.alone[chosen])

    def pieces(self) -> list[str]:
        """First the characters that begin words, then those that continue them, by code point."""
        first = [chr(code) for code in self.codes]
        return first + [CONTINUATION + chr(code) for code in self.codes[~self.alone]]
