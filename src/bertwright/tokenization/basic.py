"""From text to words: BERT's basic tokenizer, with the place of every character in the original text.

The steps and their order are those of ``BasicTokenizer`` in google-research/bert: drop control characters,
put ideographs apart, split at white space; then, for each word, lower-case, decompose (NFD) and drop accents,
split at punctuation. Positions are carried along, and the canonical order of combining marks is made by a
counting sort, because ``unicodedata.normalize`` takes quadratic time on long runs of marks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bertwright.tokenization.characters import SEPARATORS, Kind, is_punctuation, kind_of
from bertwright.tokenization.settings import TokenizerSettings

_RUN = re.compile(f"[^{SEPARATORS}]+")
_PLAIN = re.compile(r"[!-~]+")  # ASCII without blanks and controls: nothing to drop, decompose or put apart
_PLAIN_WORD = re.compile(r"[0-9A-Za-z]+|[^0-9A-Za-z]")


class Word(NamedTuple):
    """A word and where its characters come from."""

    text: str
    """After lower-casing and stripping, as WordPiece sees it."""
    start: int
    """Position of its first character in the original text."""
    positions: tuple[int, ...] | None = None
    """Position of the original character behind each character of ``text``; None when these are
    ``start``, ``start + 1``, …"""

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """The range of the original text behind ``text[start:stop]`` (not empty)."""
        if self.positions is None:
            return self.start + start, self.start + stop
        behind = self.positions[start:stop]
        return min(behind), max(behind) + 1

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """The range of the original text behind each character of ``text``."""
        places = range(self.start, self.start + len(self.text)) if self.positions is None else self.positions
        return [(place, place + 1) for place in places]


class BasicTokenizer:
    """Splits text into words exactly as the original does, in time linear in the text."""

    def __init__(self, settings: TokenizerSettings | None = None) -> None:
        self.settings = settings or TokenizerSettings()
        self._lower = self.settings.do_lower_case
        self._strip = self.settings.strips_accents
        self._split_ideographs = self.settings.tokenize_chinese_chars

    def tokenize(self, text: str) -> list[str]:
        """The words of ``text``."""
        return [word.text for word in self.words(text)]

    def words(self, text: str, start: int = 0, stop: int | None = None) -> list[Word]:
        """The words of ``text[start:stop]`` with their places in ``text``."""
        found: list[Word] = []
        for run in _RUN.finditer(text, start, len(text) if stop is None else stop):
            characters, place = run.group(), run.start()
            if _PLAIN.fullmatch(characters):
                lowered = characters.lower() if self._lower else characters
                found.extend([Word(m.group(), place + m.start()) for m in _PLAIN_WORD.finditer(lowered)])
            else:
                self._append_words(found, characters, place)
        return found

    def _append_words(self, found: list[Word], run: str, place: int) -> None:
        """The words of ``run``: without dropped characters, cut around ideographs, normalized, cut again."""
        kept: list[str] = []
        positions: list[int] = []
        for position, character in enumerate(run, place):
            kind = kind_of(character)
            if kind is Kind.KEPT or (kind is Kind.IDEOGRAPH and not self._split_ideographs):
                kept.append(character)
                positions.append(position)
            elif kind is Kind.IDEOGRAPH:
                if kept:
                    found.extend(self._words_of("".join(kept), positions))
                    kept, positions = [], []
                if unicodedata.decomposition(character):
                    found.extend(self._words_of(character, (position,)))
                else:
                    found.append(Word(character, position))
        if kept:
            found.extend(self._words_of("".join(kept), positions))

    def _words_of(self, part: str, positions: Sequence[int]) -> Iterator[Word]:
        """Normalizes ``part`` and cuts it at punctuation."""
        if self._lower:
            part, positions = lower(part, positions)
        if self._strip:
            part, positions = strip_accents(part, positions)
        start = 0
        for index, character in enumerate(part):
            if is_punctuation(character):
                if start < index:
                    yield _word(part[start:index], positions[start:index])
                yield Word(character, positions[index])
                start = index + 1
        if start < len(part):
            yield _word(part[start:], positions[start:])


def lower(text: str, positions: Sequence[int]) -> tuple[str, Sequence[int]]:
    """``text.lower()`` and the positions of its characters; ``İ`` becomes two, a final ``Σ`` ``ς``."""
    lowered = text.lower()
    if len(lowered) == len(text):  # lower-casing never shortens, so each character stayed in its place
        return lowered, positions
    lengths = [len(character.lower()) for character in text]
    return lowered, [p for p, length in zip(positions, lengths, strict=True) for _ in range(length)]


def strip_accents(text: str, positions: Sequence[int]) -> tuple[str, Sequence[int]]:
    """The canonical decomposition (NFD) of ``text`` without category Mn, and the positions of its characters.

    Equal to filtering ``unicodedata.normalize("NFD", text)``: each character is decomposed alone, then marks
    between two starters are put into the order of their combining classes, keeping the order within a class.
    Marks that will be dropped need no sorting, and the few that stay (Mc with a class) go into buckets.
    """
    if text.isascii():
        return text, positions
    kept: list[str] = []
    places: list[int] = []
    buckets: dict[int, list[tuple[str, int]]] = {}
    for character, position in zip(text, positions, strict=True):
        for part in unicodedata.normalize("NFD", character):
            combining = unicodedata.combining(part)
            if buckets and not combining:
                _empty(buckets, kept, places)
            if unicodedata.category(part) == "Mn":
                continue
            if combining:
                buckets.setdefault(combining, []).append((part, position))
            else:
                kept.append(part)
                places.append(position)
    _empty(buckets, kept, places)
    return "".join(kept), places


def _empty(buckets: dict[int, list[tuple[str, int]]], kept: list[str], places: list[int]) -> None:
    for combining in sorted(buckets):
        for part, position in buckets[combining]:
            kept.append(part)
            places.append(position)
    buckets.clear()


def _word(text: str, positions: Iterable[int]) -> Word:
    places = tuple(positions)
    start = min(places)
    consecutive = places == tuple(range(start, start + len(text)))
    return Word(text, start, None if consecutive else places)
