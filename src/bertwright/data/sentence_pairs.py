"""Next sentence prediction: which text becomes segments A and B of an instance.

As the original (create_pretraining_data.py), one pass over a document:

* Whole sentences are gathered until they reach the target length: the longest that fits, or with probability
  0.1, drawn once for the pass, a random shorter one.
* A is the first of them, cut at a random sentence; B is the true rest (label 0).
* With probability 0.5, and always when there is only one sentence, B comes from another document (label 1):
  it begins at a random sentence and fills what A left of the target. The sentences that B did not use are
  given back and begin the next instance. So more than half of all pairs are random.

One difference, on purpose: the original may draw the same document ten times and then call its text random.
Here the other document is always another one. Only when there is no other does B come from the same
document, and then not from the sentence that truly follows A.

For sentence order (Lan et al. 2020, ALBERT) B is always the true rest and half of the pairs are swapped
(label 1); a single sentence is cut at a random token. Without pairs all gathered sentences are one segment.

:func:`document_pairs` is the definition. The kernels do the same for all documents of an epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.philox import WORDS, Words, below, draw_below, philox, philox_block, threshold
from bertwright.execution.compilation import compiled

Integers = npt.NDArray[np.integer]

HALF = WORDS // 2
_UHALF = np.uint64(HALF)


class Pairing(IntEnum):
    """What an instance is made of."""

    SINGLE = 0
    NEXT_SENTENCE = 1
    SENTENCE_ORDER = 2


_SINGLE, _NEXT_SENTENCE, _SENTENCE_ORDER = map(int, Pairing)


class PairRule(NamedTuple):
    """The part of the settings that decides about segments."""

    pairing: int
    max_tokens: int
    """Tokens of an instance without the special ones."""
    short_below: int
    """A document pass is short when its draw is below this."""

    @classmethod
    def of(cls, settings: InstanceSettings) -> PairRule:
        pairing = Pairing.NEXT_SENTENCE if settings.next_sentence else Pairing.SINGLE
        if settings.sentence_order:
            pairing = Pairing.SENTENCE_ORDER
        return cls(int(pairing), settings.max_tokens, threshold(settings.short_sequence_probability))


class SentencePair(NamedTuple):
    """Two stretches of the flat token axis, before truncation; ``b_length`` is 0 without a second segment."""

    a_start: int
    a_length: int
    b_start: int
    b_length: int
    label: int
    """Next sentence: 0 true, 1 random. Sentence order: 0 in order, 1 swapped."""


class PairArrays(NamedTuple):
    """The same for many instances, one array a field: starts uint32 or int64, lengths uint32, label uint8."""

    a_start: npt.NDArray[np.integer]
    a_length: npt.NDArray[np.uint32]
    b_start: npt.NDArray[np.integer]
    b_length: npt.NDArray[np.uint32]
    label: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls, count: int, num_tokens: int) -> PairArrays:
        """Room for ``count`` instances of a store of ``num_tokens``."""
        starts = np.uint32 if num_tokens < 1 << 32 else np.int64
        types = (starts, np.uint32, starts, np.uint32, np.uint8)
        return cls._make(np.empty(count, dtype) for dtype in types)


def document_pairs(
    document_offsets: Sequence[int], sentence_offsets: Sequence[int], document: int, key: int, rule: PairRule
) -> list[SentencePair]:
    """All instances of one pass over ``document``, in order.

    Args:
        document_offsets: (documents + 1,) first sentence of each document.
        sentence_offsets: (sentences + 1,) first token of each sentence.
        key: of this epoch's pairs.
    """
    last = document_offsets[document + 1]
    target = target_length(document, key, rule)
    pairs = []
    begin, chunk = document_offsets[document], 0
    while begin < last:
        chunk += 1
        draws = philox(key, document, chunk)
        end = _filled(sentence_offsets, begin, last, target)
        cut = begin + 1 + below(draws[0], end - begin - 1) if end - begin > 1 else end
        start, middle, stop = sentence_offsets[begin], sentence_offsets[cut], sentence_offsets[end]
        if rule.pairing == Pairing.SINGLE:
            pairs.append(SentencePair(start, stop - start, 0, 0, 0))
        elif rule.pairing == Pairing.SENTENCE_ORDER:
            pairs += _ordered(start, middle, stop, draws)
        elif cut == end or draws[1] < HALF:
            room = target - (middle - start)
            b_start, b_stop = _random_next(document_offsets, sentence_offsets, document, cut, draws, room)
            pairs.append(SentencePair(start, middle - start, b_start, b_stop - b_start, 1))
            end = cut
        else:
            pairs.append(SentencePair(start, middle - start, middle, stop - middle, 0))
        begin = end
    return pairs


def target_length(document: int, key: int, rule: PairRule) -> int:
    """How many tokens the chunks of this pass over ``document`` aim at."""
    short, length, _, _ = philox(key, document, 0)
    return 2 + below(length, rule.max_tokens - 1) if short < rule.short_below else rule.max_tokens


def _filled(sentence_offsets: Sequence[int], begin: int, last: int, target: int) -> int:
    """The end of the fewest whole sentences from ``begin`` that hold ``target`` tokens, at most ``last``."""
    end = begin + 1
    while end < last and sentence_offsets[end] - sentence_offsets[begin] < target:
        end += 1
    return end


_fill_end = compiled(_filled)


def _ordered(start: int, middle: int, stop: int, draws: Sequence[int]) -> list[SentencePair]:
    if middle == stop:  # one sentence
        if stop - start < 2:
            return []
        middle = start + 1 + below(draws[0], stop - start - 1)
    if draws[1] < HALF:
        return [SentencePair(middle, stop - middle, start, middle - start, 1)]
    return [SentencePair(start, middle - start, middle, stop - middle, 0)]


def _random_next(
    document_offsets: Sequence[int],
    sentence_offsets: Sequence[int],
    document: int,
    following: int,
    draws: Sequence[int],
    room: int,
) -> tuple[int, int]:
    """First token and end of a random B of about ``room`` tokens; ``following`` is the sentence after A."""
    others = len(document_offsets) - 2
    if others:
        chosen = below(draws[2], others)
        chosen += chosen >= document
        first, last = document_offsets[chosen], document_offsets[chosen + 1]
        begin = first + below(draws[3], last - first)
    else:
        first, last = document_offsets[document], document_offsets[document + 1]
        avoid = first < following < last
        begin = first + below(draws[3], last - first - avoid)
        begin += avoid and begin >= following
    return sentence_offsets[begin], sentence_offsets[_filled(sentence_offsets, begin, last, room)]


@compiled
def fill_pairs(
    document_offsets: Integers, sentence_offsets: Integers, key: np.uint64, rule: PairRule, out: PairArrays
) -> int:
    """:func:`document_pairs` of every document into ``out`` (PairArrays); returns how many there are.

    With arrays of length 0 they are only counted.
    """
    count = 0
    for document in range(len(document_offsets) - 1):
        count = _fill_document(document_offsets, sentence_offsets, document, key, rule, out, count)
    return count


@compiled
def _fill_document(
    document_offsets: Integers,
    sentence_offsets: Integers,
    document: int,
    key: np.uint64,
    rule: PairRule,
    out: PairArrays,
    at: int,
) -> int:
    write = len(out.label) > 0
    index = np.uint64(document)
    last = document_offsets[document + 1]
    short, length, _, _ = philox_block(key, index, np.uint64(0))
    target = np.int64(rule.max_tokens)
    if short < np.uint64(rule.short_below):
        target = 2 + draw_below(length, rule.max_tokens - 1)
    begin, chunk = document_offsets[document], 0
    while begin < last:
        chunk += 1
        draws = philox_block(key, index, np.uint64(chunk))
        end = _fill_end(sentence_offsets, begin, last, target)
        cut = end
        if end - begin > 1:
            cut = begin + 1 + draw_below(draws[0], end - begin - 1)
        start, middle, stop = sentence_offsets[begin], sentence_offsets[cut], sentence_offsets[end]
        begin = end
        if rule.pairing == _SINGLE:
            if write:
                _put(out, at, start, stop, 0, 0, 0)
        elif rule.pairing == _SENTENCE_ORDER:
            if stop - start < 2:
                continue
            if middle == stop:
                middle = start + 1 + draw_below(draws[0], stop - start - 1)
            if write and draws[1] < _UHALF:
                _put(out, at, middle, stop, start, middle, 1)
            elif write:
                _put(out, at, start, middle, middle, stop, 0)
        elif cut == end or draws[1] < _UHALF:
            begin = cut
            if write:
                room = target - (middle - start)
                b_start, b_stop = _fill_random(document_offsets, sentence_offsets, document, cut, draws, room)
                _put(out, at, start, middle, b_start, b_stop, 1)
        elif write:
            _put(out, at, start, middle, middle, stop, 0)
        at += 1
    return at


@compiled
def _put(out: PairArrays, at: int, a_start: int, a_stop: int, b_start: int, b_stop: int, label: int) -> None:
    out.a_start[at], out.a_length[at] = a_start, a_stop - a_start
    out.b_start[at], out.b_length[at] = b_start, b_stop - b_start
    out.label[at] = label


@compiled
def _fill_random(
    document_offsets: Integers,
    sentence_offsets: Integers,
    document: int,
    following: int,
    draws: Words,
    room: int,
) -> tuple[int, int]:
    others = len(document_offsets) - 2
    if others > 0:
        chosen = draw_below(draws[2], others)
        if chosen >= document:
            chosen += 1
        first, last = document_offsets[chosen], document_offsets[chosen + 1]
        begin = first + draw_below(draws[3], last - first)
    else:
        first, last = document_offsets[document], document_offsets[document + 1]
        if first < following < last:
            begin = first + draw_below(draws[3], last - first - 1)
            if begin >= following:
                begin += 1
        else:
            begin = first + draw_below(draws[3], last - first)
    end: int = _fill_end(sentence_offsets, begin, last, room)
    return sentence_offsets[begin], sentence_offsets[end]
