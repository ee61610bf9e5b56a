"""The vectors of a word's pieces as one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bertwright.errors import UsageError, quote

WordPooling = Literal["first", "mean", "last", "max"]
Vectors = NDArray[np.float32]

_POOLINGS: dict[str, Callable[[Vectors], Any]] = {
    "first": lambda pieces: pieces[0],
    "mean": lambda pieces: pieces.mean(axis=0, dtype=np.float64),
    "last": lambda pieces: pieces[-1],
    "max": lambda pieces: pieces.max(axis=0),
}


def check_word_pooling(name: str) -> None:
    """Refuse a name that is none.

    Raises:
        UsageError: there is no such pooling of pieces.
    """
    if name not in _POOLINGS:
        raise UsageError(
            f"word pooling: expected one of {', '.join(get_args(WordPooling))}, got {quote(name)}"
        )


def word_ranges(word_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Where each word begins and ends among its pieces; pieces of a word stand together."""
    starts = [place for place, word in enumerate(word_ids) if place == 0 or word_ids[place - 1] != word]
    return list(zip(starts, [*starts[1:], len(word_ids)], strict=True)) if starts else []


def spelled(pieces: Sequence[str]) -> str:
    """A word's pieces put together."""
    return pieces[0] + "".join(piece.removeprefix("##") for piece in pieces[1:])


def pool_words(vectors: Vectors, ranges: Sequence[tuple[int, int]], how: str) -> Vectors:
    """One vector a word.

    Args:
        vectors: (S, ...) of pieces.
        ranges: where each of the W words begins and ends; none is empty.
        how: ``first`` is what the paper's tagger reads.

    Returns:
        (W, ...) float32.

    Raises:
        UsageError: there is no such pooling.
    """
    check_word_pooling(how)
    pooled = np.empty((len(ranges), *vectors.shape[1:]), np.float32)
    for place, (start, stop) in enumerate(ranges):
        pooled[place] = _POOLINGS[how](vectors[start:stop])
    return pooled
