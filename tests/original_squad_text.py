"""The text of a predicted span as the original restores it: from pieces, by a heuristic.

Here answers are cut from the passage by the places of their pieces (:mod:`decoding`), which cannot fail. This
is for comparison with files of ``run_squad.py``, whose ``get_final_text`` does without places: it looks for
the pieces in the normalized words, counts characters other than blanks, and gives the whole words wherever
that does not come out even.
"""

from __future__ import annotations

from golden_squad import words_of

from bertwright.tasks.answer.encoding import AnswerFeatures
from bertwright.tasks.answer.spans import Span
from bertwright.tokenization.basic import BasicTokenizer
from bertwright.tokenization.tokenizer import Tokenizer


def original_text(span: Span, row: AnswerFeatures, tokenizer: Tokenizer) -> str:
    """The text of ``span`` in the window ``row`` as the original writes it."""
    passage, first, last = row.passage, row.piece(span.start), row.piece(span.end)
    tokens = [tokenizer.vocabulary.tokens[index] for index in passage.ids[first : last + 1].tolist()]
    joined = " ".join(tokens).replace(" ##", "").replace("##", "")
    first_word, last_word = (passage.word_at(int(passage.starts[piece])) for piece in (first, last))
    words = words_of(passage)[first_word : last_word + 1]
    return final_text(" ".join(joined.split()), " ".join(words), tokenizer.basic)


def final_text(pieces: str, words: str, basic: BasicTokenizer) -> str:
    """The part of ``words`` that ``pieces`` stands for, or all of it where that cannot be told.

    Args:
        pieces: words of the normalized text, with blanks between them.
        words: the words of the passage behind them.
    """
    normalized = " ".join(basic.tokenize(words))
    found = normalized.find(pieces)
    places, normalized_places = _solid(words), _solid(normalized)
    if found < 0 or len(places) != len(normalized_places):
        return words
    ranks = {place: rank for rank, place in enumerate(normalized_places)}
    first, last = ranks.get(found), ranks.get(found + len(pieces) - 1)
    if first is None or last is None:
        return words
    return words[places[first] : places[last] + 1]


def _solid(text: str) -> list[int]:
    """Places of the characters that are no blanks."""
    return [place for place, character in enumerate(text) if character != " "]
