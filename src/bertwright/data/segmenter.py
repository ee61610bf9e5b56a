"""Where words begin in Chinese text, which puts no blanks between them.

The tokenizer takes every ideograph for a token of its own. A segmenter says at which of them a word begins,
and no more: it changes no token. It is asked about the text as the tokenizer sees it: what leaves no token
and parts nothing (control characters, stripped accents) is away, and a compatibility ideograph is the one
that it stands for, so that neither hides a word.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import unicodedata
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from bertwright.data.prepare_settings import SegmenterName
from bertwright.errors import RunError, UsageError, quote
from bertwright.extras import needed
from bertwright.tokenization.basic import BasicTokenizer
from bertwright.tokenization.characters import SEPARATORS, is_ideograph
from bertwright.tokenization.settings import TokenizerSettings

Bools = npt.NDArray[np.bool_]

_UNKNOWN, _OTHER, _IDEOGRAPH, _DROPPED, _STAND_IN = range(5)
_CODE_POINTS = 0x110000


def require_words(name: str, settings: TokenizerSettings) -> str:
    """The version of the segmenter ``name``, which can be used with a tokenizer of these ``settings``.

    Raises:
        UsageError: there is no such segmenter, it is not installed, or the tokenizer leaves ideographs
            together.
    """
    if name not in get_args(SegmenterName):
        raise UsageError(f"words: expected {' or '.join(get_args(SegmenterName))}, got {quote(name)}")
    if not settings.tokenize_chinese_chars:
        raise UsageError(
            "words: expected a tokenizer that puts every ideograph apart, got one with "
            "tokenize_chinese_chars = false, whose tokens are not characters (prepare without words)"
        )
    return _imported(name)[1]


class Segmenter:
    """One process's segmenter; it has its dictionary for itself (a quarter of a second, some 70 MB).

    Args:
        name: of the segmenter.
        basic: sees the text as the tokenizer does.

    Raises:
        UsageError: as :func:`require_words`.
    """

    def __init__(self, name: str, basic: BasicTokenizer) -> None:
        self.version = require_words(name, basic.settings)
        self._cut = _imported(name)[0].Jieba().cut
        self._basic = basic
        self._kinds = np.zeros(_CODE_POINTS, np.uint8)  # of each code point that was met

    def ideograph_starts(self, text: str) -> Bools:
        """Whether a word begins at each ideograph of ``text``, in order: bool (ideographs,)."""
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        kinds = self._kinds[codes]
        if not kinds.all():
            for code in np.unique(codes[kinds == _UNKNOWN]).tolist():
                self._kinds[code] = self._kind(chr(code))
            kinds = self._kinds[codes]
        if (kinds >= _DROPPED).any():
            kept = kinds != _DROPPED
            text = _with_stand_ins(codes[kept], kinds[kept])
            kinds = kinds[kept]
        begins = self._segment_starts(text, len(kinds))
        found: Bools = begins[(kinds == _IDEOGRAPH) | (kinds == _STAND_IN)]
        return found

    def _segment_starts(self, text: str, length: int) -> Bools:
        """Whether a segment begins at each of the ``length`` characters of ``text``.

        Raises:
            RunError: the segments are not the text.
        """
        segments: list[str] = self._cut(text)
        lengths = np.fromiter(map(len, segments), np.int64, len(segments))
        if int(lengths.sum()) != length:
            raise RunError(
                f"words: expected segments of {length:,} characters together, got {int(lengths.sum()):,} "
                "(the segmenter changed the text)"
            )
        begins = np.zeros(length + 1, np.bool_)
        begins[0] = True
        begins[np.cumsum(lengths)] = True
        return begins[:-1]

    def _kind(self, character: str) -> int:
        if is_ideograph(character):
            plain = unicodedata.normalize("NFD", character)
            return _STAND_IN if len(plain) == 1 and plain != character else _IDEOGRAPH
        if character in SEPARATORS or self._basic.tokenize(character):
            return _OTHER
        return _DROPPED


def _with_stand_ins(codes: npt.NDArray[np.uint32], kinds: npt.NDArray[np.uint8]) -> str:
    codes = codes.copy()
    for place in np.flatnonzero(kinds == _STAND_IN).tolist():
        codes[place] = ord(unicodedata.normalize("NFD", chr(codes[place])))
    return codes.tobytes().decode("utf-32-le")


def _imported(name: str) -> tuple[Any, str]:
    """The package ``name`` and its version; one that is not installed, but only lies about, has none."""
    with needed(name, extra="chinese", purpose="words"):
        return importlib.import_module(name), importlib.metadata.version(name)
