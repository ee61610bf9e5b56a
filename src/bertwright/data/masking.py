"""Masked language modelling: which tokens are hidden, and what stands in their place.

As the original's ``create_masked_lm_predictions``: an exact number of tokens (not a coin for each), drawn
from all but [CLS] and [SEP]; 80 % become [MASK], 10 % a random entry of the *whole* vocabulary (special and
unused entries too, even the same token again), 10 % stay. With whole words the candidates are words: a token
at which none begins (a piece ``##...``, or an ideograph inside a word that a segmenter found) belongs to the
one before it. A word that would exceed the number is passed over, and what stands in its place is still
drawn for each piece.

:func:`mask_tokens` is the definition, :func:`mask_rows` the kernel for a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.philox import below, draw_below, philox, philox_block, threshold
from bertwright.execution.compilation import compiled

Int64s = npt.NDArray[np.int64]
Uint64s = npt.NDArray[np.uint64]


class MaskRule(NamedTuple):
    """What stands in the place of a chosen token."""

    mask_id: int
    vocab_size: int
    mask_below: int
    """[MASK] when the draw is below this,"""
    random_below: int
    """else a random entry when it is below this, else the token itself."""

    @classmethod
    def of(cls, settings: InstanceSettings, mask_id: int, vocab_size: int) -> MaskRule:
        mask = threshold(settings.mask_share)
        return cls(mask_id, vocab_size, mask, mask + threshold(settings.random_share))


class MaskedTokens(NamedTuple):
    """An instance after masking."""

    ids: list[int]
    positions: list[int]
    """Ascending."""
    labels: list[int]
    """The true ids there."""


def mask_candidates(
    ids: Sequence[int], special: Sequence[int], begins: Sequence[bool] | None
) -> list[list[int]]:
    """Positions that are masked together: words when ``begins``, whether one begins at each, is given.

    A piece ``##...`` that begins B after truncation belongs to A's last word, as in the original.
    """
    candidates: list[list[int]] = []
    for position in range(len(ids)):
        if position in special:
            continue
        if begins is not None and candidates and not begins[position]:
            candidates[-1].append(position)
        else:
            candidates.append([position])
    return candidates


def mask_tokens(
    ids: Sequence[int], candidates: list[list[int]], count: int, key: int, index: int, rule: MaskRule
) -> MaskedTokens:
    """Mask ``count`` tokens of ``ids`` (fewer when the candidates do not fit); ``candidates`` is shuffled."""
    result = list(ids)
    chosen: dict[int, int] = {}
    for turn in range(len(candidates)):
        if len(chosen) >= count:
            break
        other = turn + below(philox(key, index, turn)[0], len(candidates) - turn)
        candidates[turn], candidates[other] = candidates[other], candidates[turn]
        word = candidates[turn]
        if len(chosen) + len(word) > count:
            continue
        for piece, position in enumerate(word):
            _, kind, random, _ = philox(key, index, turn + (piece << 32))
            chosen[position] = ids[position]
            if kind < rule.mask_below:
                result[position] = rule.mask_id
            elif kind < rule.random_below:
                result[position] = below(random, rule.vocab_size)
    positions = sorted(chosen)
    return MaskedTokens(result, positions, [chosen[position] for position in positions])


@compiled
def mask_rows(
    input_ids: Int64s,
    a_length: Int64s,
    b_length: Int64s,
    counts: Int64s,
    begins: npt.NDArray[np.bool_],
    keys: Uint64s,
    indices: Uint64s,
    rule: MaskRule,
    positions: Int64s,
    labels: Int64s,
) -> int:
    """:func:`mask_tokens` for every row of a batch, ``input_ids`` in place; returns how many were masked.

    Args:
        input_ids: int64 (rows, columns): [CLS] A [SEP] B [SEP], or [CLS] A [SEP] where ``b_length`` is 0.
        a_length, b_length: int64 (rows,).
        counts: int64 (max_length + 1,), tokens to mask by length of the instance.
        begins: bool (rows, columns), whether a word begins there; or (0, 0) to mask single pieces.
        keys, indices: uint64 (rows,), the stream of each instance.
        positions, labels: int64, room for the results: flat ``row * columns + column``, ascending.
    """
    rows, columns = input_ids.shape
    cells = np.empty(columns, np.int64)  # candidate positions, in order
    first = np.empty(columns + 1, np.int64)  # the first cell of each word
    order = np.empty(columns, np.int64)  # words, shuffled as far as needed
    truth = np.full(columns, -1, np.int64)  # the true id of a masked column, else -1
    total = 0
    whole, none = len(begins) > 0, np.empty(0, np.bool_)
    for row in range(rows):
        ids = input_ids[row]
        starts = begins[row] if whole else none
        words = _list_words(starts, a_length[row], b_length[row], cells, first, order)
        length = a_length[row] + b_length[row] + (3 if b_length[row] else 2)
        _mask_row(ids, words, counts[length], cells, first, order, truth, keys[row], indices[row], rule)
        for column in range(length):
            if truth[column] >= 0:
                positions[total] = row * columns + column
                labels[total] = truth[column]
                truth[column] = -1
                total += 1
    return total


@compiled
def _list_words(
    begins: npt.NDArray[np.bool_],
    a_length: int,
    b_length: int,
    cells: Int64s,
    first: Int64s,
    order: Int64s,
) -> int:
    words, count = 0, 0
    for column in range(1, a_length + b_length + 2):
        if column == a_length + 1:
            continue
        if words == 0 or len(begins) == 0 or begins[column]:
            first[words] = count
            order[words] = words
            words += 1
        cells[count] = column
        count += 1
    first[words] = count
    return words


@compiled
def _mask_row(
    ids: Int64s,
    words: int,
    wanted: int,
    cells: Int64s,
    first: Int64s,
    order: Int64s,
    truth: Int64s,
    key: np.uint64,
    index: np.uint64,
    rule: MaskRule,
) -> None:
    done = 0
    for turn in range(words):
        if done >= wanted:
            break
        draws = philox_block(key, index, np.uint64(turn))
        other = turn + draw_below(draws[0], words - turn)
        word = order[other]
        order[other] = order[turn]
        size = first[word + 1] - first[word]
        if done + size > wanted:
            continue
        for piece in range(size):
            if piece > 0:
                draws = philox_block(key, index, np.uint64(turn) + (np.uint64(piece) << np.uint64(32)))
            column = cells[first[word] + piece]
            truth[column] = ids[column]
            if draws[1] < np.uint64(rule.mask_below):
                ids[column] = rule.mask_id
            elif draws[1] < np.uint64(rule.random_below):
                ids[column] = draw_below(draws[2], rule.vocab_size)
        done += size
