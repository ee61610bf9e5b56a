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
from bertwright.data.word_cutting import ARENA_FULL, SLOTS_FULL, cut, gather, refill
from bertwright.tokenization.tokenizer import Tokenizer

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

    def encode(self, sentences: bytes, count: int) -> tuple[Ids, Offsets]:
        """The ids of ``count`` sentences, one after the other, exactly those of ``Tokenizer.encode``.

        Args:
            sentences: in UTF-8, each ended by a line feed.

        Returns:
            ids uint16 or uint32 (n,), and offsets int64 (count + 1,).
        """
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
        ids, offsets = gather(words[: state[1]], sentence_ends, self._ids, self._id_offsets)
        return ids, offsets

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
