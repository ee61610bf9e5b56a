"""The kernels under the table of words: text is cut into words, words are looked up, ids are gathered.

The table is open-addressed. A word of up to seven bytes is its own key (its length, then its bytes): equal
keys, equal words. A longer one has a hash for a key, and its bytes are compared.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bertwright.execution.compilation import compiled

SLOTS_FULL, ARENA_FULL = 1, 2
"""Why :func:`cut` stopped early."""
CONTINUES, STARTS, IDEOGRAPH = 0, 1, 2
"""What a token is to words: inside one, the first of one, or as the segmenter says."""

_PLAIN, _SPACE, _PUNCTUATION, _WIDE, _SIGMA = 0, 1, 2, 4, 8
_SIGMA_LEAD, _SIGMA_TAIL = 0xCE, 0xA3  # of U+03A3 in UTF-8


def _kinds() -> npt.NDArray[np.uint8]:
    """What a byte may be: ASCII white space or punctuation, the first of an ideograph, of a sigma."""
    kinds = np.full(256, _PLAIN, dtype=np.uint8)
    kinds[[9, 10, 13, 32]] = _SPACE
    for first, last in ((33, 47), (58, 64), (91, 96), (123, 126)):
        kinds[first : last + 1] = _PUNCTUATION
    kinds[0xE3:0xF1] = _WIDE
    kinds[_SIGMA_LEAD] = _SIGMA
    return kinds


_KINDS = _kinds()

_SHORT = 7
_LONG_MARK = np.uint64(1 << 63)
_FNV_START, _FNV_PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
_SPREAD = np.uint64(
    0x9E3779B97F4A7C15
)  # 2**64 / golden ratio: the high bits then depend on all bits of the key


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
    kind = _KINDS[text[at]]
    if kind == _PUNCTUATION:
        return at + 1
    if kind == _WIDE and split_ideographs:
        width = _ideograph_width(text, at)
        if width:
            return at + width
    end = at + 1
    while end < stop:
        kind = _KINDS[text[end]]
        if kind == _PUNCTUATION or (kind == _WIDE and split_ideographs and _ideograph_width(text, end)):
            break
        end += 1
    return end


@compiled
def _has_sigma(text, start, stop):  # type: ignore[no-untyped-def]
    """Whether a capital sigma is there: lower-casing it depends on the letters around, across punctuation."""
    for at in range(start, stop - 1):  # noqa: SIM110 (numba knows no generators)
        if text[at] == _SIGMA_LEAD and text[at + 1] == _SIGMA_TAIL:
            return True
    return False


@compiled
def _key(text, start, stop):  # type: ignore[no-untyped-def]
    """Never 0, which marks an empty slot."""
    if stop - start <= _SHORT:
        key = np.uint64(stop - start)
        for at in range(start, stop):
            key = (key << np.uint64(8)) | np.uint64(text[at])
        return key << np.uint64(8 * (_SHORT - (stop - start)))
    key = _FNV_START
    for at in range(start, stop):
        key = (key ^ np.uint64(text[at])) * _FNV_PRIME
    return key | _LONG_MARK


@compiled
def _shift(slots):  # type: ignore[no-untyped-def]
    """How far to shift 64 bits for an index of ``slots``, whose number is a power of two."""
    shift, size = 64, 1
    while size < len(slots):
        shift, size = shift - 1, size * 2
    return np.uint64(shift)


@compiled
def cut(text, split_ideographs, keys, slots, arena, word_ends, words, sentence_ends, state):  # type: ignore[no-untyped-def]
    """Cut ``text`` into words and look them up, from where ``state`` says; stop when the table is full.

    Args:
        text: uint8 (n,), sentences that each end with a line feed.
        split_ideographs: whether each CJK ideograph is a word.
        keys, slots: uint64 and int32 of a power of two: key and number of each word in the table.
        arena, word_ends: uint8, int64: the bytes of all words; word ``i`` ends at ``word_ends[i + 1]``.
        words: int32 (n,), filled with word numbers.
        sentence_ends: int64 (sentences + 1,), filled with offsets into ``words``.
        state: int64 (4,): place in ``text``, words cut, sentences ended, words in the table.

    Returns:
        0 at the end of ``text``, else :data:`SLOTS_FULL` or :data:`ARENA_FULL`: call again with more room.
    """
    at, found, sentence, known = state[0], state[1], state[2], state[3]
    mask, shift = len(slots) - 1, _shift(slots)
    stopped = 0
    while at < len(text) and not stopped:
        if _KINDS[text[at]] == _SPACE:
            if text[at] == 10:
                sentence += 1
                sentence_ends[sentence] = found
            at += 1
            continue
        stop, met = at, _KINDS[text[at]]
        while True:
            stop += 1
            kind = _KINDS[text[stop]]
            if kind == _SPACE:
                break
            met |= kind
        whole = met == _PLAIN or (met & _SIGMA and _has_sigma(text, at, stop))
        begun, begun_found = at, found
        while at < stop:
            end = stop if whole else _word_end(text, at, stop, split_ideographs)
            key = _key(text, at, end)
            slot = np.int64((key * _SPREAD) >> shift)
            while keys[slot] != 0:
                if keys[slot] == key and (
                    key < _LONG_MARK or _equal(text, at, end, arena, word_ends, slots[slot])
                ):
                    break
                slot = (slot + 1) & mask
            if keys[slot] == 0:
                base = word_ends[known]
                if 2 * known + 2 > len(slots):
                    stopped = SLOTS_FULL
                elif base + end - at > len(arena):
                    stopped = ARENA_FULL
                if stopped:
                    at, found = begun, begun_found  # this stretch of text again, when there is room
                    break
                arena[base : base + end - at] = text[at:end]
                word_ends[known + 1] = base + end - at
                keys[slot] = key
                slots[slot] = known
                known += 1
            words[found] = slots[slot]
            found += 1
            at = end
    state[0], state[1], state[2], state[3] = at, found, sentence, known
    return stopped


@compiled
def _equal(text, start, stop, arena, word_ends, word):  # type: ignore[no-untyped-def]
    first = word_ends[word]
    if stop - start != word_ends[word + 1] - first:
        return False
    for shift in range(stop - start):  # noqa: SIM110 (numba knows no generators)
        if text[start + shift] != arena[first + shift]:
            return False
    return True


@compiled
def refill(old_keys, old_slots, keys, slots):  # type: ignore[no-untyped-def]
    """Put all words of a table into an empty larger one."""
    mask, shift = len(slots) - 1, _shift(slots)
    for old in range(len(old_keys)):
        if old_keys[old] != 0:
            slot = np.int64((old_keys[old] * _SPREAD) >> shift)
            while keys[slot] != 0:
                slot = (slot + 1) & mask
            keys[slot] = old_keys[old]
            slots[slot] = old_slots[old]


@compiled
def gather(words, sentence_ends, ids, id_offsets):  # type: ignore[no-untyped-def]
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


@compiled
def count_ideographs(arena, ends):  # type: ignore[no-untyped-def]
    """How many CJK ideographs each word has: int64 (words,)."""
    counts = np.zeros(len(ends) - 1, dtype=np.int64)
    for word in range(len(counts)):
        for at in range(ends[word], ends[word + 1]):
            if _KINDS[arena[at]] == _WIDE and _ideograph_width(arena, at):
                counts[word] += 1
    return counts


@compiled
def gather_starts(words, id_offsets, places, ideograph_starts):  # type: ignore[no-untyped-def]
    """Whether a word begins at each id of ``words``, and how many of these are ideographs.

    Args:
        places: uint8, of the ids of all known words: :data:`CONTINUES`, :data:`STARTS` or :data:`IDEOGRAPH`.
        ideograph_starts: bool, of the ideographs of ``words`` in order.
    """
    total = 0
    for word in words:
        total += id_offsets[word + 1] - id_offsets[word]
    starts = np.empty(total, dtype=np.bool_)
    place, asked = 0, 0
    for word in words:
        for at in range(id_offsets[word], id_offsets[word + 1]):
            if places[at] == IDEOGRAPH:
                starts[place] = asked < len(ideograph_starts) and ideograph_starts[asked]
                asked += 1
            else:
                starts[place] = places[at] == STARTS
            place += 1
    return starts, asked
