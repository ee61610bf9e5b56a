"""Texts, pairs and given words as rows for the model, with the place of every piece in its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bertwright.features.words import word_ranges
from bertwright.tokenization.encoding import Encoding, assemble
from bertwright.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class GivenWords:
    """A text that comes as its words."""

    words: tuple[str, ...]


FeatureInput = str | tuple[str, str] | GivenWords
"""A text, a pair of texts, or the words of a text."""


@dataclass(frozen=True, slots=True)
class PieceRow:
    """One row for the model, with the place of each piece in its text."""

    input_ids: list[int]
    token_type_ids: list[int]
    tokens: list[str]
    """``[CLS]`` and ``[SEP]`` included, as in the other lists."""
    offsets: list[tuple[int, int] | None]
    """In characters of the piece's own text, or of its own word where words were given; None for ``[CLS]``
    and ``[SEP]``."""
    words: list[tuple[int, int]]
    """Where each word begins and ends among the pieces."""
    truncated: bool
    cut_words: tuple[int, ...] = ()
    """Numbers of the words that have lost their last pieces: what is left of one may be another word."""

    @property
    def whole_words(self) -> list[tuple[int, int]]:
        """:attr:`words` but for those that were cut."""
        return [span for number, span in enumerate(self.words) if number not in self.cut_words]

    def __len__(self) -> int:
        return len(self.input_ids)


def piece_row(row: FeatureInput, tokenizer: Tokenizer, max_length: int) -> PieceRow:
    """``[CLS] A [SEP]`` or ``[CLS] A [SEP] B [SEP]`` with the places of its pieces."""
    if isinstance(row, GivenWords):
        texts = [_joined(row.words, tokenizer)]
    else:
        texts = [tokenizer.encode(text) for text in ((row,) if isinstance(row, str) else row)]
    b_ids = texts[1].ids if len(texts) > 1 else None
    made = assemble(texts[0].ids, b_ids, vocabulary=tokenizer.vocabulary, max_length=max_length)
    tokens, words, cut = ["[CLS]"], list[tuple[int, int]](), list[int]()
    offsets: list[tuple[int, int] | None] = [None]
    for encoding, length in zip(texts, (made.a_length, made.b_length), strict=False):
        if encoding is not texts[0] and not length:
            break  # a second text of which nothing is left is no second text
        place = len(tokens)
        words += [(place + start, place + stop) for start, stop in word_ranges(encoding.word_ids[:length])]
        if 0 < length < len(encoding) and encoding.word_ids[length - 1] == encoding.word_ids[length]:
            cut.append(len(words) - 1)
        tokens += [*encoding.tokens[:length], "[SEP]"]
        offsets += [*encoding.offsets[:length], None]
    return PieceRow(made.input_ids, made.token_type_ids, tokens, offsets, words, made.truncated, tuple(cut))


def _joined(words: Sequence[str], tokenizer: Tokenizer) -> Encoding:
    """Each word by itself; one that yields no piece becomes ``[UNK]``, so that every word has a vector."""
    whole = Encoding([], [], [], [])
    for number, word in enumerate(words):
        pieces = tokenizer.encode(word)
        if not len(pieces):
            pieces = Encoding(["[UNK]"], [tokenizer.vocabulary.unk_id], [(0, len(word))], [0])
        whole.tokens.extend(pieces.tokens)
        whole.ids.extend(pieces.ids)
        whole.offsets.extend(pieces.offsets)
        whole.word_ids.extend([number] * len(pieces))
    return whole
