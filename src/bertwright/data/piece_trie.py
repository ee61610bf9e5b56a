"""Greedy longest match over words of plain ASCII, millions of words a second.

The pieces stand in a tree, byte by byte, with two roots: what begins a word, and what continues one. Its
edges lie in one open-addressed table. One walk down the tree finds the longest piece at a place, however many
pieces begin there. To such words the basic tokenizer does nothing but lower-case their letters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bertwright.execution.compilation import compiled
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import CONTINUATION

_FIRST, _LATER = 0, 1  # the roots
_NO_PIECE = -1
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio
_CASE = 32  # between an ASCII letter and its other case


class PieceTrie:
    """The pieces of a tokenizer's vocabulary that are ASCII."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        vocabulary = tokenizer.vocabulary
        plain = [(token, index) for index, token in enumerate(vocabulary.tokens) if token.isascii()]
        later = np.array([token.startswith(CONTINUATION) for token, _ in plain], dtype=np.bool_)
        texts = [token.removeprefix(CONTINUATION).encode() for token, _ in plain]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        numbers = np.array([index for _, index in plain], dtype=np.int32)
        size = 1 << max(4, int(2 * ends[-1]).bit_length())
        self._edges = np.zeros(size, dtype=np.uint64)  # node * 256 + byte, plus 1; 0 is an empty place
        self._below = np.zeros(size, dtype=np.int32)  # the node that an edge leads to
        self._pieces = np.full(int(ends[-1]) + 2, _NO_PIECE, dtype=np.int32)  # the id that ends at a node
        data = np.frombuffer(b"".join(texts), dtype=np.uint8)
        plant(data, ends, later, numbers, self._edges, self._below, self._pieces)
        self._lower = tokenizer.settings.do_lower_case
        self._longest = tokenizer.settings.max_input_chars_per_word
        self._unk_id = vocabulary.unk_id

    def cut(
        self, text: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The ids of words, as :class:`~bertwright.tokenization.wordpiece.WordPiece` finds them.

        Args:
            text: uint8 (n,), words as :mod:`~bertwright.data.word_cutting` cuts them, one after the other.
            ends: int64 (words + 1,), where each begins and the last ends; from 0.

        Returns:
            ids int32 (m,), and int64 (words,): how many of them each word has. -1 for a word that is not
            plain: with a byte outside ASCII, or a control character.
        """
        ids = np.empty(len(text), dtype=np.int32)
        counts = np.empty(len(ends) - 1, dtype=np.int64)
        found = descend(
            text,
            ends,
            self._lower,
            self._longest,
            self._unk_id,
            self._edges,
            self._below,
            self._pieces,
            ids,
            counts,
        )
        return ids[:found], counts


@compiled
def _place(edges, edge):  # type: ignore[no-untyped-def]
    """Where ``edge`` is in the table, or would be."""
    mask = np.uint64(len(edges) - 1)
    place = (edge * _SPREAD) >> np.uint64(32) & mask
    while edges[place] != 0 and edges[place] != edge:
        place = (place + np.uint64(1)) & mask
    return place


@compiled
def plant(text, ends, later, numbers, edges, below, pieces):  # type: ignore[no-untyped-def]
    """Put every piece into the tree; of equal pieces the last stays, as in a dictionary."""
    nodes = 2
    for index in range(len(numbers)):
        node = _LATER if later[index] else _FIRST
        for at in range(ends[index], ends[index + 1]):
            edge = np.uint64(node) * np.uint64(256) + np.uint64(text[at]) + np.uint64(1)
            place = _place(edges, edge)
            if edges[place] == 0:
                edges[place] = edge
                below[place] = nodes
                nodes += 1
            node = below[place]
        pieces[node] = numbers[index]


@compiled
def descend(text, ends, lower, longest, unk_id, edges, below, pieces, ids, counts):  # type: ignore[no-untyped-def]
    """Fill ``ids`` and ``counts`` as :meth:`PieceTrie.cut` says; returns the number of ids."""
    found = 0
    for word in range(len(counts)):
        start, stop = ends[word], ends[word + 1]
        plain = True
        for at in range(start, stop):
            if text[at] <= 32 or text[at] >= 127:
                plain = False
                break
        if not plain:
            counts[word] = -1
            continue
        begun, root = found, _FIRST
        known = stop - start <= longest
        while known and start < stop:
            node, end, best = root, start, _NO_PIECE
            for at in range(start, stop):
                byte = text[at]
                if lower and 65 <= byte <= 90:
                    byte += _CASE
                edge = np.uint64(node) * np.uint64(256) + np.uint64(byte) + np.uint64(1)
                place = _place(edges, edge)
                if edges[place] == 0:
                    break
                node = below[place]
                if pieces[node] != _NO_PIECE:
                    best, end = pieces[node], at + 1
            known = best != _NO_PIECE
            if known:
                ids[found] = best
                found += 1
                start, root = end, _LATER
        if not known:
            found = begun
            ids[found] = unk_id
            found += 1
        counts[word] = found - begun
    return found


def merged(
    plain: npt.NDArray[Any], counts: npt.NDArray[np.int64], ids: npt.NDArray[Any], rest: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """All ids in the order of the words, and how many each has.

    Args:
        plain, counts: from :meth:`PieceTrie.cut`.
        ids: those of the words that are not plain, in order.
        rest: int64 (such words,): how many each of them has.
    """
    other = counts < 0
    counts = counts.copy()
    counts[other] = rest
    is_other = np.repeat(other, counts)
    flat = np.empty(len(is_other), dtype=plain.dtype)
    flat[~is_other] = plain
    flat[is_other] = ids
    return flat, counts
