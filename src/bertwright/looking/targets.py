"""What stands where in a row: the positions that a measure of attention asks about.

Axes: S positions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bertwright.features.piece_rows import PieceRow
from bertwright.tokenization.characters import is_punctuation

Bools = NDArray[np.bool_]


class Places(NamedTuple):
    """The positions of one row, each array (S,)."""

    text: Bools
    """Pieces of the text: neither [CLS] nor [SEP]."""
    cls: Bools
    sep: Bools
    punctuation: Bools
    """Pieces of nothing but punctuation."""
    segments: NDArray[np.int64]
    """0 for the first text, 1 for the second."""
    words: NDArray[np.int64]
    """The number of the piece's word, -1 where there is none."""
    spellings: NDArray[np.int64]
    """Equal for words that are spelled alike; -1 where there is none, of punctuation, and of a word that was
    cut off."""


def places_of(row: PieceRow) -> Places:
    """What stands where in ``row``."""
    length = len(row)
    text = np.array([span is not None for span in row.offsets])
    cls = np.zeros(length, bool)
    cls[0] = True
    punctuation = np.array([bool(t) and all(map(is_punctuation, _bare(t))) for t in row.tokens]) & text
    words, spellings = np.full(length, -1), np.full(length, -1)
    known: dict[tuple[int, ...], int] = {}
    for number, (start, stop) in enumerate(row.words):
        words[start:stop] = number
        if number not in row.cut_words and not punctuation[start:stop].all():
            spellings[start:stop] = known.setdefault(tuple(row.input_ids[start:stop]), len(known))
    return Places(text, cls, ~text & ~cls, punctuation, np.array(row.token_type_ids), words, spellings)


def same_word(places: Places) -> Bools:
    """(S, S): whether another occurrence of a piece's word stands there."""
    alike = places.spellings[:, None] == places.spellings[None, :]
    elsewhere = places.words[:, None] != places.words[None, :]
    found: Bools = alike & elsewhere & (places.spellings >= 0)[:, None]
    return found


def other_text(places: Places) -> Bools:
    """(S, S): whether a piece of the other text of a pair stands there."""
    apart = places.segments[:, None] != places.segments[None, :]
    found: Bools = apart & places.text[:, None] & places.text[None, :]
    return found


def _bare(token: str) -> str:
    return token[2:] if token.startswith("##") and len(token) > 2 else token
