"""Sentences -> ids, fast: every distinct word is tokenized once.

A word here is a stretch of text that the tokenizer treats the same wherever it stands: text between ASCII
white space, cut again around ASCII punctuation and CJK ideographs, as the basic tokenizer will cut it. One
pass over the bytes looks each word up in a table; only words never seen before are cut into pieces: those of
plain ASCII in a tree of the pieces, all others by the tokenizer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bertwright.data.piece_trie import PieceTrie, merged
from bertwright.data.shards import Ids, Offsets, id_type
from bertwright.data.word_cutting import (
    ARENA_FULL,
    CONTINUES,
    IDEOGRAPH,
    SLOTS_FULL,
    STARTS,
    count_ideographs,
    cut,
    gather,
    gather_starts,
    refill,
)
from bertwright.tokenization.characters import is_ideograph
from bertwright.tokenization.tokenizer import Tokenizer

Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.uint8]

MAX_WORDS = 1 << 18
"""Beyond so many words the table starts anew: text of ever new words must not fill the memory."""
MAX_ARENA_BYTES = 64 << 20

_FIRST_SLOTS = 1 << 16


class WordTable:
    """The ids of every word seen so far."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._trie = PieceTrie(tokenizer)
        self._split_ideographs = tokenizer.settings.tokenize_chinese_chars
        self._dtype = id_type(len(tokenizer.vocabulary))
        self._clear()

    def _clear(self) -> None:
        self._keys = np.zeros(_FIRST_SLOTS, dtype=np.uint64)
        self._slots = np.zeros(_FIRST_SLOTS, dtype=np.int32)
        self._arena = np.zeros(1 << 20, dtype=np.uint8)
        self._word_ends = np.zeros(_FIRST_SLOTS // 2 + 1, dtype=np.int64)
        self._count = 0
        self._ids: npt.NDArray[Any] = np.zeros(0, dtype=self._dtype)
        self._id_offsets: Offsets = np.zeros(1, dtype=np.int64)
        # Of each id in its word, for as many of the words as were asked about.
        self._places: Places = np.zeros(0, dtype=np.uint8)
        self._placed = 0

    def encode(self, sentences: bytes, count: int) -> tuple[Ids, Offsets]:
        """The ids of ``count`` sentences, one after the other, exactly those of ``Tokenizer.encode``.

        Args:
            sentences: in UTF-8, each ended by a line feed.

        Returns:
            ids uint16 or uint32 (n,), and offsets int64 (count + 1,).
        """
        words, sentence_ends = self._cut(sentences, count)
        ids, offsets = gather(words, sentence_ends, self._ids, self._id_offsets)
        return ids, offsets

    def encode_with_words(
        self, sentences: bytes, count: int, ideograph_starts: Bools
    ) -> tuple[Ids, Offsets, Bools]:
        """The same, and whether a word begins at each token: bool (n,).

        None begins at a piece ``##...``; whether one does at an ideograph is asked of ``ideograph_starts``,
        bool (ideographs of the sentences,); one begins at everything else.
        """
        words, sentence_ends = self._cut(sentences, count)
        self._place()
        ids, offsets = gather(words, sentence_ends, self._ids, self._id_offsets)
        starts, asked = gather_starts(words, self._id_offsets, self._places, ideograph_starts)
        if asked != len(ideograph_starts):
            raise RuntimeError(f"{asked:,} tokens are ideographs, of {len(ideograph_starts):,} in the text")
        return ids, offsets, starts

    def _cut(self, sentences: bytes, count: int) -> tuple[npt.NDArray[np.int32], Offsets]:
        """Numbers of the words of ``sentences``, all of them known, and where the sentences end."""
        if self._count > MAX_WORDS or int(self._word_ends[self._count]) > MAX_ARENA_BYTES:
            self._clear()
        text = np.frombuffer(sentences, dtype=np.uint8)
        words = np.empty(len(text), dtype=np.int32)
        sentence_ends = np.zeros(count + 1, dtype=np.int64)
        state = np.zeros(4, dtype=np.int64)  # place in text, words cut, sentences ended, words known
        state[3] = self._count
        while True:
            stopped = cut(
                text,
                self._split_ideographs,
                self._keys,
                self._slots,
                self._arena,
                self._word_ends,
                words,
                sentence_ends,
                state,
            )
            if stopped == SLOTS_FULL:
                self._grow_slots()
            elif stopped == ARENA_FULL:
                room = max(2 * len(self._arena), len(self._arena) + len(text))
                self._arena = np.concatenate([self._arena, np.zeros(room - len(self._arena), dtype=np.uint8)])
            else:
                break
        self._learn(int(state[3]))
        return words[: state[1]], sentence_ends

    def _grow_slots(self) -> None:
        size = len(self._slots) * 4
        ends = np.zeros(size // 2 + 1, dtype=np.int64)
        ends[: len(self._word_ends)] = self._word_ends
        self._word_ends = ends
        keys, slots = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.int32)
        refill(self._keys, self._slots, keys, slots)
        self._keys, self._slots = keys, slots

    def _learn(self, known: int) -> None:
        """Tokenize the words beyond the first ``self._count``."""
        if known == self._count:
            return
        ends = self._word_ends[self._count : known + 1]
        first = int(ends[0])
        text, bounds = self._arena[first : int(ends[-1])], ends - first
        ids, counts = self._trie.cut(text, bounds)
        others = np.flatnonzero(counts < 0)
        if len(others):
            starts, stops = bounds[others].tolist(), bounds[others + 1].tolist()
            data = text.tobytes()
            words = [data[start:stop].decode() for start, stop in zip(starts, stops, strict=True)]
            ids, counts = merged(ids, counts, *self._others(words))
        self._id_offsets = np.concatenate([self._id_offsets, np.cumsum(counts) + len(self._ids)])
        self._ids = np.concatenate([self._ids, ids.astype(self._dtype)])
        self._count = known

    def _others(self, words: list[str]) -> tuple[Ids, Offsets]:
        """Ids of words that are not plain ASCII, and how many each has."""
        ids, offsets = self._tokenizer.words_to_ids(words)
        return ids, np.diff(offsets)

    def _place(self) -> None:
        """Say of the ids of all words since the last time whether they begin a word, or are ideographs."""
        if self._placed == self._count:
            return
        first = int(self._id_offsets[self._placed])
        starts = self._tokenizer.vocabulary.starts_word[self._ids[first:]]
        places = np.where(starts, STARTS, CONTINUES).astype(np.uint8)
        ends = self._word_ends[self._placed : self._count + 1]
        ideographs = count_ideographs(self._arena, ends)
        for number in np.flatnonzero(ideographs).tolist() if self._split_ideographs else ():
            start, stop = self._id_offsets[self._placed + number : self._placed + number + 2] - first
            if stop - start == 1:
                places[start] = IDEOGRAPH
                continue
            text = self._arena[ends[number] : ends[number + 1]].tobytes().decode()  # with a capital sigma
            for at, (place, _) in enumerate(self._tokenizer.encode(text).offsets, start):
                if is_ideograph(text[place]):
                    places[at] = IDEOGRAPH
        self._places = np.concatenate([self._places, places])
        self._placed = self._count
