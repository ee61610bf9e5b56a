"""Text -> its words as columns, equal to ``BasicTokenizer`` up to accents, many megabytes a second.

Words are cut where the basic tokenizer cuts them whatever the word: at white space, around ideographs and
punctuation. What depends on the word alone (decomposition, accents) is left to the caller, who does it once
for every distinct word. Lower-casing is done here, on whole lines, since a final sigma looks at its
neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bertwright.tokenization.characters import Kind, is_punctuation, kind_of
from bertwright.tokenization.settings import TokenizerSettings

Ints = npt.NDArray[np.int64]

_UNKNOWN, _KEPT, _DROPPED, _SEPARATOR, _ALONE = range(5)
_FEED = ord("\n")
_BLANK = ord(" ")
_ASCII = [chr(code) for code in range(128)]
_ASCII_DROPPED = "".join(c for c in _ASCII if kind_of(c) is Kind.DROPPED).encode()
_ASCII_ALONE = np.array([ord(c) for c in _ASCII if is_punctuation(c)])


@dataclass(frozen=True)
class Words:
    """The words of some lines, in no particular order."""

    texts: pa.StringArray
    """(n,) words of kept characters, lower-cased where the settings say so; may hold empty strings."""
    lines: npt.NDArray[np.int32]
    """(n,) index of the line that each word stands in."""
    alone: dict[str, int]
    """How often each character stood as a word of its own, by being punctuation or an ideograph."""


class Splitter:
    """Cuts lines into words. Lines of ASCII, the bulk of English, take a short cut over bytes."""

    def __init__(self, settings: TokenizerSettings) -> None:
        self._settings = settings
        self._kinds = np.zeros(0x110000, dtype=np.uint8)  # filled for the code points that occur
        blanks = "".join(c for c in _ASCII if is_punctuation(c) or kind_of(c) is Kind.SEPARATOR)
        source, target = blanks, " " * len(blanks)
        if settings.do_lower_case:
            source += "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
            target += "abcdefghijklmnopqrstuvwxyz"
        self._ascii_table = bytes.maketrans(source.encode(), target.encode())

    def split(self, lines: Sequence[str]) -> Words:
        """The words of ``lines`` (which hold no line feed)."""
        plain = np.fromiter((line.isascii() for line in lines), dtype=np.bool_, count=len(lines))
        parts = []
        for mask, cut in ((plain, self._split_ascii), (~plain, self._split_unicode)):
            numbers = np.flatnonzero(mask).astype(np.int32)
            if len(numbers):
                texts, line, alone = cut([lines[number] for number in numbers.tolist()])
                parts.append((texts, numbers[line], alone))
        counted: dict[str, int] = {}
        for _, _, alone in parts:
            for character, count in alone.items():
                counted[character] = counted.get(character, 0) + count
        texts = [part[0] for part in parts] or [pa.array([], pa.string())]
        where = [part[1] for part in parts] or [np.zeros(0, np.int32)]
        return Words(pa.concat_arrays(texts), np.concatenate(where), counted)

    def _split_ascii(self, lines: list[str]) -> tuple[pa.StringArray, Ints, dict[str, int]]:
        data = ("\n".join(lines) + "\n").encode().translate(None, _ASCII_DROPPED)
        counts = np.bincount(np.frombuffer(data, np.uint8), minlength=128)[_ASCII_ALONE]
        alone = {chr(code): int(n) for code, n in zip(_ASCII_ALONE, counts, strict=True) if n}
        return *_words_of_lines(data, data.translate(self._ascii_table)), alone

    def _split_unicode(self, lines: list[str]) -> tuple[pa.StringArray, Ints, dict[str, int]]:
        codes = _codes("\n".join(lines) + "\n")
        kinds = self._kinds_of(codes)
        if (kinds == _DROPPED).any():
            codes = codes[kinds != _DROPPED]
        if self._settings.do_lower_case:
            codes = _codes(_text(codes).lower())
        kinds = self._kinds_of(codes)
        found, counts = np.unique(codes[kinds == _ALONE], return_counts=True)
        alone = {chr(code): int(n) for code, n in zip(found, counts, strict=True)}
        data = _text(np.where((kinds == _KEPT) | (codes == _FEED), codes, np.uint32(_BLANK))).encode()
        return *_words_of_lines(data, data.replace(b"\n", b" ")), alone

    def _kinds_of(self, codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
        kinds = self._kinds[codes]
        if not kinds.all():
            for code in np.unique(codes[kinds == _UNKNOWN]):
                self._kinds[code] = _class_of(chr(code), self._settings)
            kinds = self._kinds[codes]
        return kinds


def _class_of(character: str, settings: TokenizerSettings) -> int:
    kind = kind_of(character)
    if kind is Kind.DROPPED:
        return _DROPPED
    if kind is Kind.SEPARATOR:
        return _SEPARATOR
    ideograph = kind is Kind.IDEOGRAPH and settings.tokenize_chinese_chars
    return _ALONE if ideograph or is_punctuation(character) else _KEPT


def stands_alone(character: str, settings: TokenizerSettings) -> bool:
    """Whether the character is always a word of its own, so that it never continues one."""
    return _class_of(character, settings) == _ALONE


def _codes(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def _text(codes: npt.NDArray[np.uint32]) -> str:
    return codes.tobytes().decode("utf-32-le")


def _words_of_lines(data: bytes, blanked: bytes) -> tuple[pa.StringArray, Ints]:
    """The words of ``blanked`` (``data`` with blanks for line feeds and all else between words), and their
    lines."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _FEED) + 1
    offsets = np.concatenate([np.zeros(1, np.int64), ends]).astype(np.int32)
    lines: Any = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(blanked))
    words = pc.ascii_split_whitespace(lines)
    lengths = np.diff(np.asarray(words.offsets))
    return words.flatten(), np.repeat(np.arange(len(ends)), lengths)
