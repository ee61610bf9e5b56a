"""How good a vocabulary is on words that did not teach it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bertwright.tokenization.learning.counting import WordCounts
from bertwright.tokenization.vocabulary import CONTINUATION, Vocabulary
from bertwright.tokenization.wordpiece import WordPiece

_SHOWN = 20
_EXAMPLES = 16
_WIDEST = 5  # words of so many pieces and more are counted together


@dataclass(frozen=True)
class Cut:
    """A word and its pieces."""

    word: str
    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Fit:
    """How a vocabulary fits running words. A word that becomes ``[UNK]`` is one piece."""

    words: int
    """Running words measured."""
    distinct_words: int
    pieces_per_word: float
    """Fertility: 1 if every word were a piece."""
    unk_rate: float
    """Share of the words that become ``[UNK]``."""
    unk_words: int
    coverage: float
    """Share of the words that are one whole piece."""
    character_coverage: float
    """Share of the characters that stand in words that are not ``[UNK]``."""
    words_by_pieces: dict[str, float]
    """Share of the words with 1, 2, 3, 4, 5 or more pieces."""
    examples: tuple[Cut, ...]
    """Words of several pieces, from frequent to rare."""
    unknown: tuple[str, ...]
    """The most frequent words that become ``[UNK]``."""


@dataclass(frozen=True)
class VocabularyReport:
    """What there is to know about a learned vocabulary."""

    size: int
    requested_size: int
    measured_on: str
    """Which words the fit was measured on."""
    corpus_words: int
    """Running words that taught the vocabulary."""
    corpus_distinct_words: int
    fit: Fit
    alphabet: tuple[str, ...]
    """The characters, the most frequent first."""
    word_starts: int
    """Pieces that begin words, special tokens not counted."""
    continuations: int
    """Pieces ``##...``."""
    longest: tuple[str, ...]
    rarest: tuple[tuple[str, int], ...]
    """The pieces that the corpus uses least, with their number of uses; single characters left out."""

    def as_json(self) -> dict[str, Any]:
        """A flat object of plain values: those of the fit beside the others."""
        own = asdict(self)
        fit = own.pop("fit")
        return {**own, **fit}


def measure(
    vocabulary: Vocabulary, counts: WordCounts, longest_word: int, strange: Iterable[str] = ()
) -> Fit:
    """Cut the words of ``counts`` with ``vocabulary``.

    Args:
        longest_word: words of more characters are unknown.
        strange: characters whose words count as unknown though the vocabulary has them.
    """
    refused = frozenset(strange)
    cutter = WordPiece(vocabulary, longest_word)
    tally = _Tally()
    unknown = (vocabulary.unk_id,)
    for word, count in sorted(counts.as_dict().items(), key=lambda item: (-item[1], item[0])):
        ids = unknown if refused and not refused.isdisjoint(word) else cutter.pieces(word)
        tally.add(word, count, None if ids == unknown else tuple(vocabulary.tokens[index] for index in ids))
    return tally.fit()


class _Tally:
    def __init__(self) -> None:
        self._words = self._pieces = self._unknown_words = 0
        self._characters = self._known_characters = self._distinct = 0
        self._by_pieces = [0] * _WIDEST
        self._split: list[Cut] = []
        self._unknown: list[str] = []

    def add(self, word: str, count: int, pieces: tuple[str, ...] | None) -> None:
        """A word that occurs ``count`` times and its pieces, None if unknown; the most frequent words
        first."""
        self._distinct += 1
        self._words += count
        self._pieces += count * len(pieces or (word,))
        self._characters += count * len(word)
        if pieces is None:
            self._unknown_words += count
            self._unknown.append(word)
            return
        self._known_characters += count * len(word)
        self._by_pieces[min(len(pieces), _WIDEST) - 1] += count
        if len(pieces) > 1:
            self._split.append(Cut(word, pieces))

    def fit(self) -> Fit:
        """The shares of what was added."""
        words, characters = max(self._words, 1), max(self._characters, 1)
        names = [*map(str, range(1, _WIDEST)), f"{_WIDEST}+"]
        return Fit(
            words=self._words,
            distinct_words=self._distinct,
            pieces_per_word=self._pieces / words,
            unk_rate=self._unknown_words / words,
            unk_words=self._unknown_words,
            coverage=self._by_pieces[0] / words,
            character_coverage=self._known_characters / characters,
            words_by_pieces={name: count / words for name, count in zip(names, self._by_pieces, strict=True)},
            examples=tuple(_spread(self._split, _EXAMPLES)),
            unknown=tuple(self._unknown[:_SHOWN]),
        )


def _spread(cuts: list[Cut], wanted: int) -> Iterator[Cut]:
    """``wanted`` of ``cuts``, denser at the beginning."""
    places = {round((len(cuts) - 1) * (number / max(wanted - 1, 1)) ** 3) for number in range(wanted)}
    for place in sorted(places if cuts else ()):
        yield cuts[place]


def longest_pieces(pieces: Iterable[str]) -> tuple[str, ...]:
    """The longest pieces, of equally long ones the first by code point."""
    return tuple(sorted(pieces, key=lambda p: (-len(p.removeprefix(CONTINUATION)), p))[:_SHOWN])


def rarest_pieces(pieces: list[str], uses: Iterable[int]) -> tuple[tuple[str, int], ...]:
    """The pieces with the fewest uses."""
    return tuple(
        sorted(zip(pieces, map(int, uses), strict=True), key=lambda pair: (pair[1], pair[0]))[:_SHOWN]
    )
