"""Words that a corpus has and a vocabulary cuts to pieces: the ones worth most become pieces of their own.

The vocabulary belongs to a model that has learned its pieces, so nothing of it changes: old pieces keep their
ids, and only whole words are added. Text without the new words is cut as before, but for words that begin
with a new one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bertwright.errors import UsageError, VocabularyError
from bertwright.tokenization.learning.corpus_words import CorpusWords
from bertwright.tokenization.learning.counting import DISCOUNT, SCALE, WordCounts
from bertwright.tokenization.learning.report import Fit, measure
from bertwright.tokenization.learning.splitting import stands_alone
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import MAX_TOKENS, Vocabulary

_UNUSED = re.compile(r"\[unused\d+\]")


@dataclass(frozen=True)
class NewPiece:
    """A word that becomes a piece."""

    word: str
    id: int
    parts: tuple[int, ...]
    """The ids that it was cut into; ``[UNK]`` alone if a character was unknown."""
    count: int
    """How often the corpus has it."""


@dataclass(frozen=True)
class Extension:
    """A vocabulary with new pieces."""

    tokenizer: Tokenizer
    """With the old vocabulary's settings."""
    pieces: tuple[NewPiece, ...]
    """The new ones, the most useful first; their ids ascend."""
    before: Fit
    """How the old vocabulary fits the words measured on."""
    after: Fit
    measured_on: str
    """Which words those were."""


def unused_ids(vocabulary: Vocabulary) -> list[int]:
    """The ids of ``[unused0]``, ``[unused1]``, …, which published vocabularies keep free."""
    return [index for index, token in enumerate(vocabulary.tokens) if _UNUSED.fullmatch(token)]


def extend(
    tokenizer: Tokenizer, words: CorpusWords, add: int, *, min_count: int = 1, in_unused: bool = False
) -> Extension:
    """``tokenizer`` with at most ``add`` new pieces, whole words of the corpus.

    A word is worth the pieces that it saves, times its weight. Equal words and counts give equal pieces.

    Args:
        words: of the corpus, as the tokenizer's settings make them.
        add: how many pieces to add; fewer where no more words save any.
        min_count: words that occur less often are passed over.
        in_unused: put them into the rows of ``[unusedN]``, so that the vocabulary keeps its size; otherwise
            they come after all others.

    Raises:
        UsageError: ``add`` or ``min_count`` is out of range, or there are not so many unused rows.
        VocabularyError: no word of the corpus would save a piece.
    """
    vocabulary = tokenizer.vocabulary
    places = check_places(vocabulary, add, min_count, in_unused)
    chosen = _most_useful(tokenizer, words.learned.at_least(min_count), add)
    if not chosen:
        often = f", and {min_count:,} times or more," if min_count > 1 else ""
        raise VocabularyError(
            "no word of the corpus would save a piece: "
            f"all that occur in more than one passage{often} are in the vocabulary"
        )
    pieces = tuple(
        NewPiece(word, place, parts, count)
        for place, (word, parts, count) in zip(places, chosen, strict=False)
    )
    extended = Tokenizer(_with(vocabulary, pieces), tokenizer.settings)
    longest = tokenizer.settings.max_input_chars_per_word
    measured, measured_on = words.to_measure
    before, after = (measure(which, measured, longest) for which in (vocabulary, extended.vocabulary))
    return Extension(extended, pieces, before, after, measured_on)


def check_places(vocabulary: Vocabulary, add: int, min_count: int, in_unused: bool) -> Sequence[int]:
    """The ids that ``add`` new pieces would get.

    Raises:
        UsageError: as :func:`extend`.
    """
    if min_count < 1:
        raise UsageError(f"--min-count: expected at least 1, got {min_count}")
    unused = unused_ids(vocabulary)
    most = len(unused) if in_unused else MAX_TOKENS - len(vocabulary)
    if not 1 <= add <= most:
        what = "the [unusedN] tokens of the vocabulary" if in_unused else "what a vocabulary can hold"
        raise UsageError(f"--add: expected 1 to {most:,}, {what}, got {add:,}")
    return unused if in_unused else range(len(vocabulary), len(vocabulary) + add)


def _most_useful(
    tokenizer: Tokenizer, counts: WordCounts, add: int
) -> list[tuple[str, tuple[int, ...], int]]:
    """Word, pieces and count of the words that save most, the best first."""
    vocabulary, longest = tokenizer.vocabulary, tokenizer.settings.max_input_chars_per_word
    unknown = (vocabulary.unk_id,)
    found: list[tuple[int, str, tuple[int, ...], int]] = []
    rows = zip(counts.words.to_pylist(), counts.counts.tolist(), counts.weights.tolist(), strict=True)
    for word, count, weighed in rows:
        # Characters that always stand alone are counted, but not weighed by passage.
        weight = count * SCALE if len(word) == 1 and stands_alone(word, tokenizer.settings) else weighed
        evidence = weight - DISCOUNT  # as for learned pieces: a word of one passage is not added
        if evidence <= 0 or len(word) > longest:
            continue
        parts = tokenizer.wordpiece.pieces(word)
        # An unknown word counts as if each of its characters were a piece: it is lost, but must not crowd out
        # the words of the corpus's own subject.
        saved = len(word) if parts == unknown else len(parts) - 1
        if saved > 0 and word not in vocabulary:
            found.append((-saved * evidence, word, parts, count))
    found.sort()
    return [(word, parts, count) for _, word, parts, count in found[:add]]


def _with(vocabulary: Vocabulary, pieces: Sequence[NewPiece]) -> Vocabulary:
    tokens = list(vocabulary.tokens)
    for piece in pieces:
        if piece.id < len(tokens):
            tokens[piece.id] = piece.word
        else:
            tokens.append(piece.word)
    return Vocabulary.from_tokens(tokens)
