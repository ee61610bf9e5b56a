"""A sentence in words, and how plain text becomes one."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bertwright.errors import InputError, quote
from bertwright.tokenization.basic import BasicTokenizer

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words, and their tags where these are known."""

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    """One a word; None when they are to be predicted."""
    line: int = 0
    """Where it begins in its file, from 1; 0 when it comes from nowhere."""
    text: str | None = None
    """The plain text that the words were cut from."""
    spans: Spans | None = None
    """Where each word stands in ``text``: ``text[start:end]``."""
    lines: tuple[int, ...] | None = None
    """Of each word, where words stand one a line in the file."""

    @property
    def target(self) -> tuple[str, ...] | None:
        """The tags."""
        return self.tags

    @property
    def texts(self) -> tuple[str, ...]:
        """The words: the input without the tags."""
        return self.words

    @property
    def shown(self) -> str:
        """The text, or the words with blanks between them."""
        return " ".join(self.words) if self.text is None else self.text

    def line_of(self, word: int) -> int:
        """The line of a word, for an error about it."""
        return self.line if self.lines is None else self.lines[word]


def split_text(text: str, basic: BasicTokenizer, by_character: bool, line: int = 0) -> Sentence:
    """Plain text as words: those of the basic tokenizer, or its characters that are no white space.

    The basic tokenizer takes every ideograph and every punctuation mark for a word. Words are written as
    they stand in ``text``. A sentence may come out without words, when there is nothing to be seen in it.
    """
    if by_character:
        spans = tuple((place, place + 1) for place, character in enumerate(text) if not character.isspace())
    else:
        spans = tuple(
            (word.start, _behind_marks(text, word.span(0, len(word.text))[1])) for word in basic.words(text)
        )
    return Sentence(tuple(text[start:end] for start, end in spans), None, line, text, spans)


def sentences_of(rows: Sequence[Any], basic: BasicTokenizer, by_character: bool) -> list[Sentence]:
    """Inputs that did not come from a file: texts, lists of words, or sentences.

    Raises:
        InputError: naming the first row (from 0) that is none of these, or has no words.
    """
    found = []
    for number, row in enumerate(rows):
        if isinstance(row, Sentence):
            sentence = row
        elif isinstance(row, str):
            sentence = split_text(row, basic, by_character)
        elif isinstance(row, (list, tuple)) and all(isinstance(word, str) and word for word in row):
            sentence = Sentence(tuple(row))
        else:
            raise InputError(f"row {number}: expected a text or a list of words, got {quote(row)}")
        if not sentence.words:
            raise InputError(f"row {number}: expected at least one word, got {quote(row)}")
        found.append(sentence)
    return found


def _behind_marks(text: str, end: int) -> int:
    """``end``, moved behind the combining marks there: no word ends between a letter and its accent."""
    while end < len(text) and unicodedata.category(text[end]).startswith("M"):
        end += 1
    return end
