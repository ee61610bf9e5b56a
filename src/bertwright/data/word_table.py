"""Sentences -> ids, fast: every distinct word is tokenized once.

A word here is a stretch of text that the tokenizer treats the same wherever it stands: text between ASCII
white space, cut again around ASCII punctuation and CJK ideographs, as the basic tokenizer will cut it. One
pass over the bytes looks each word up in a table; only words never seen before go through the tokenizer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from bertwright.data.compilation import compiled
from bertwright.data.shards import Ids, Offsets, id_type
from bertwright.tokenization.tokenizer import Tokenizer

MAX_WORDS = 1 << 20
"""Beyond so many words the table starts anew: text of ever new words must not fill the memory."""
MAX_ARENA_BYTES = 64 << 20

_FIRST_SLOTS = 1 << 16
_EMPTY = -1
_SLOTS_FULL, _ARENA_FULL = 1, 2


class WordTable:
    """The ids of every word seen so far."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._split_ideographs = tokenizer.settings.tokenize_chinese_chars
        self._dtype = id_type(len(tokenizer.vocabulary))
        self._clear()

    def _clear(self) -> None:
        self._slots = np.full(_FIRST_SLOTS, _EMPTY, dtype=np.int32)
        self._hashes = np.zeros(_FIRST_SLOTS // 2, dtype=np.uint64)
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
            stopped = _cut(
                text,
                self._split_ideographs,
                self._slots,
                self._hashes,
                self._arena,
                self._word_ends,
                words,
                sentence_ends,
                state,
            )
            if stopped == _SLOTS_FULL:
                self._grow_slots(int(state[3]))
            elif stopped == _ARENA_FULL:
                room = max(2 * len(self._arena), len(self._arena) + len(text))
                self._arena = np.concatenate([self._arena, np.zeros(room - len(self._arena), dtype=np.uint8)])
            else:
                break
        self._learn(int(state[3]))
        ids, offsets = _gather(words[: state[1]], sentence_ends, self._ids, self._id_offsets)
        return ids, offsets

    def _grow_slots(self, known: int) -> None:
        size = len(self._slots) * 4
        self._hashes = np.concatenate(
            [self._hashes, np.zeros(size // 2 - len(self._hashes), dtype=np.uint64)]
        )
        ends = np.zeros(size // 2 + 1, dtype=np.int64)
        ends[: len(self._word_ends)] = self._word_ends
        self._word_ends = ends
        self._slots = np.full(size, _EMPTY, dtype=np.int32)
        _refill(self._slots, self._hashes, known)

    def _learn(self, known: int) -> None:
        """Tokenize the words beyond the first ``self._count``."""
        if known == self._count:
            return
        ends = self._word_ends[self._count : known + 1]
        first = int(ends[0])
        data = self._arena[first : int(ends[-1])].tobytes()
        bounds = (ends - first).tolist()
        new = [data[a:b].decode() for a, b in pairwise(bounds)]
        ids, offsets = self._tokenizer.words_to_ids(new)
        self._id_offsets = np.concatenate([self._id_offsets, offsets[1:] + len(self._ids)])
        self._ids = np.concatenate([self._ids, ids.astype(self._dtype)])
        self._count = known


@compiled
def _is_space(byte: int) -> bool:
    return byte == 32 or byte == 10 or byte == 9 or byte == 13


@compiled
def _is_punctuation(byte: int) -> bool:
    return 33 <= byte <= 47 or 58 <= byte <= 64 or 91 <= byte <= 96 or 123 <= byte <= 126


@compiled
def _ideograph_width(text, at):  # type: ignore[no-untyped-def]
    """Bytes of the CJK ideograph at ``at`` (the ranges of the original tokenizer), or 0 for anything else."""
    lead = text[at]
    if 0xE3 <= lead <= 0xEF:
        code = (lead & 15) << 12 | (text[at + 1] & 63) << 6 | (text[at + 2] & 63)
        if 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF:
            return 3
    elif lead == 0xF0:
        code = (text[at + 1] & 63) << 12 | (text[at + 2] & 63) << 6 | (text[at + 3] & 63)
        if 0x20000 <= code <= 0x2A6DF or 0x2A700 <= code <= 0x2CEAF or 0x2F800 <= code <= 0x2FA1F:
            return 4
    return 0


@compiled
def _word_end(text, at, stop, split_ideographs):  # type: ignore[no-untyped-def]
    """Where the word that begins at ``at`` ends, at ``stop`` at the latest."""
    if _is_punctuation(text[at]):
        return at + 1
    if split_ideographs and text[at] >= 0xE3:
        width = _ideograph_width(text, at)
        if width:
            return at + width
    end = at + 1
    while end < stop:
        byte = text[end]
        if _is_punctuation(byte) or (split_ideographs and byte >= 0xE3 and _ideograph_width(text, end)):
            break
        end += 1
    return end


@compiled
def _hash(text, start, stop):  # type: ignore[no-untyped-def]
    """FNV-1a, mixed once more so that the low bits depend on all bytes."""
    value = np.uint64(14695981039346656037)
    for at in range(start, stop):
        value = (value ^ np.uint64(text[at])) * np.uint64(1099511628211)
    return value ^ (value >> np.uint64(32))


@compiled
def _cut(text, split_ideographs, slots, hashes, arena, word_ends, words, sentence_ends, state):  # type: ignore[no-untyped-def]
    """Cut ``text`` into words and look them up, from where ``state`` says; stop when the table is full."""
    at, cut, sentence, known = state[0], state[1], state[2], state[3]
    mask = np.uint64(len(slots) - 1)
    stopped = 0
    while at < len(text) and not stopped:
        if _is_space(text[at]):
            if text[at] == 10:
                sentence += 1
                sentence_ends[sentence] = cut
            at += 1
            continue
        stop, whole = at, False
        while not _is_space(text[stop]):
            # Lower-casing a capital sigma depends on the letters around it, across punctuation.
            whole |= text[stop] == 0xCE and text[stop + 1] == 0xA3
            stop += 1
        begun, begun_cut = at, cut
        while at < stop:
            end = stop if whole else _word_end(text, at, stop, split_ideographs)
            key = _hash(text, at, end)
            slot = key & mask
            word = slots[slot]
            while word != -1:
                if hashes[word] == key and _equal(text, at, end, arena, word_ends[word], word_ends[word + 1]):
                    break
                slot = (slot + np.uint64(1)) & mask
                word = slots[slot]
            if word == -1:
                base = word_ends[known]
                if 2 * known + 2 > len(slots):
                    stopped = 1
                elif base + end - at > len(arena):
                    stopped = 2
                if stopped:
                    at, cut = begun, begun_cut  # this stretch of text again, when there is room
                    break
                arena[base : base + end - at] = text[at:end]
                word_ends[known + 1] = base + end - at
                hashes[known] = key
                slots[slot] = word = known
                known += 1
            words[cut] = word
            cut += 1
            at = end
    state[0], state[1], state[2], state[3] = at, cut, sentence, known
    return stopped


@compiled
def _equal(text, start, stop, arena, first, last):  # type: ignore[no-untyped-def]
    if stop - start != last - first:
        return False
    for shift in range(stop - start):  # noqa: SIM110 (numba knows no generators)
        if text[start + shift] != arena[first + shift]:
            return False
    return True


@compiled
def _refill(slots, hashes, known):  # type: ignore[no-untyped-def]
    mask = np.uint64(len(slots) - 1)
    for word in range(known):
        slot = hashes[word] & mask
        while slots[slot] != -1:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = word


@compiled
def _gather(words, sentence_ends, ids, id_offsets):  # type: ignore[no-untyped-def]
    """The ids of ``words`` one after the other, and where each sentence's begin."""
    total = 0
    for word in words:
        total += id_offsets[word + 1] - id_offsets[word]
    flat = np.empty(total, dtype=ids.dtype)
    offsets = np.zeros(len(sentence_ends), dtype=np.int64)
    place = 0
    for sentence in range(1, len(sentence_ends)):
        for number in range(sentence_ends[sentence - 1], sentence_ends[sentence]):
            for at in range(id_offsets[words[number]], id_offsets[words[number] + 1]):
                flat[place] = ids[at]
                place += 1
        offsets[sentence] = place
    return flat, offsets
