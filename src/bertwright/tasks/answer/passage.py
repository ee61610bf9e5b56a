"""A passage in pieces, each with its place in the text.

Words are what white space separates (blank, tab, line ends, narrow no-break space), as in
``read_squad_examples`` of the original's ``run_squad.py``; each is tokenized by itself.
Axes: W words, N pieces.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.tokenization.tokenizer import Tokenizer

_WORD = re.compile("[^ \t\r\n\u202f]+")
_KNOWN_WORDS = 1 << 18  # then they are forgotten: a stream of any length must not fill the memory

Array = NDArray[Any]


@dataclass(frozen=True, eq=False, slots=True)
class Passage:
    """The text and its pieces."""

    text: str
    word_starts: Array
    """(W,) int32: where each word begins in the text"""
    first_pieces: Array
    """(W + 1,) int32: number of each word's first piece, and N"""
    ids: Array
    """(N,) int32"""
    starts: Array
    """(N,) int32: ``text[starts[i] : ends[i]]`` is what piece i was made of"""
    ends: Array
    """(N,) int32"""

    def __len__(self) -> int:
        return len(self.ids)

    def word_at(self, character: int) -> int:
        """Number of the word at this place of the text; of the word before, where white space is."""
        return max(0, int(np.searchsorted(self.word_starts, character, side="right")) - 1)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """The characters behind the pieces ``first`` to ``last`` (included)."""
        return int(self.starts[first : last + 1].min()), int(self.ends[first : last + 1].max())


class PassageReader:
    """Makes passages; words and passages that come again are not tokenized again."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._words: dict[str, tuple[list[int], list[int], list[int]]] = {}
        self._last: dict[str, Passage] = {}

    def read(self, text: str) -> Passage:
        """The passage of ``text``."""
        if text not in self._last:
            self._last = {text: self._read(text)}  # questions about a passage come one after another
        return self._last[text]

    def _read(self, text: str) -> Passage:
        word_starts: list[int] = []
        firsts = [0]
        ids: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        for match in _WORD.finditer(text):
            place = match.start()
            word_ids, word_from, word_to = self._pieces(match.group())
            ids += word_ids
            starts += [place + start for start in word_from]
            ends += [place + end for end in word_to]
            word_starts.append(place)
            firsts.append(len(ids))
        columns = (word_starts, firsts, ids, starts, ends)
        return Passage(text, *(np.array(column, dtype=np.int32) for column in columns))

    def _pieces(self, word: str) -> tuple[list[int], list[int], list[int]]:
        """Ids, starts and ends of the pieces of a word, within the word."""
        found = self._words.get(word)
        if found is None:
            encoding = self._tokenizer.encode(word)
            starts = [start for start, _ in encoding.offsets]
            ends = [end if word.isascii() else _with_marks(word, end) for _, end in encoding.offsets]
            found = encoding.ids, starts, ends
            if len(self._words) >= _KNOWN_WORDS:
                self._words.clear()
            self._words[word] = found
        return found


def _with_marks(word: str, end: int) -> int:
    """``end``, moved behind the combining marks there: no answer ends between a letter and its accent."""
    while end < len(word) and unicodedata.category(word[end]).startswith("M"):
        end += 1
    return end
