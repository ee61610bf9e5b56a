"""Which characters a vocabulary holds: those frequent enough, so that no word made of them is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bertwright.tokenization.learning.splitting import stands_alone
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.vocabulary import CONTINUATION

Ints = npt.NDArray[np.int64]

UNKNOWN_COST = 64
"""An unknown word costs as much as so many pieces: a character is in the alphabet when it occurs at least
once for every 64 occurrences that the least useful piece has."""


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
    def of(
        cls, parts: Sequence[tuple[npt.NDArray[np.uint32], Ints]], settings: TokenizerSettings
    ) -> Alphabet:
        """From the code points (N,) of all distinct words, and how often the word of each occurs (N,)."""
        codes = np.concatenate([part[0] for part in parts])
        found, inverse = np.unique(codes, return_inverse=True)
        occurrences = np.concatenate([part[1] for part in parts])
        counts = np.bincount(inverse, weights=occurrences, minlength=len(found)).astype(np.int64)
        alone = np.array([stands_alone(chr(code), settings) for code in found], dtype=np.bool_)
        return cls(found, counts, alone)

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
