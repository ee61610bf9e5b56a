"""Exact match and F1 of answers: by words as SQuAD 1.1 and 2.0 have them, by characters near CMRC 2018.

A question may have several right answers; the best match counts. By words (SQuAD), texts are compared without
case, ASCII punctuation and the articles a, an, the, and F1 is over the words, whatever their order. By
characters, for languages written without spaces, they are compared without case, white space and punctuation;
ideographs, kana and letters of Thai and its neighbours are units of their own, other letters and digits make
words, and F1 is over the longest run of units that both have in common. CMRC's own takes out a list of some
thirty signs, without ``. , %``, does not part words at them, and leaves the rest to NLTK: ``2.5`` and ``2,5``
are equal here and not there.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.measures import Floats, Sums, Values, ratio
from bertwright.tasks.answer.settings import Units
from bertwright.tokenization.characters import is_ideograph, is_punctuation

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f]")
"""Thai, Lao, Burmese, Khmer and kana: letters of languages without spaces between words."""
_MOSTLY = 0.5


@dataclass(frozen=True)
class QuestionScores:
    """How good each answer is, from 0 to 1."""

    exact: NDArray[np.float64]
    f1: NDArray[np.float64]


def question_scores(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    units: Units = "words",
    may_lack: bool = True,
) -> QuestionScores:
    """Scores of each prediction against the right answers of its question.

    Args:
        may_lack: whether questions can be without answer (SQuAD 2.0): then an empty prediction is right where
            there is no right answer, or none that says anything. Otherwise (1.1) nothing in common is 0.
    """
    cut = word_units if units == "words" else character_units
    common = _in_common if units == "words" else longest_run
    exact: list[float] = []
    f1: list[float] = []
    for prediction, rights in zip(predictions, references, strict=True):
        given = cut(prediction)
        known = [cut(right) for right in rights]
        if may_lack:
            known = [right for right in known if right] or [[]]
        exact.append(max((float(given == right) for right in known), default=0.0))
        f1.append(max((_f1(given, right, common, may_lack) for right in known), default=0.0))
    return QuestionScores(np.array(exact), np.array(f1))


def answer_measure(scores: QuestionScores, has_answer: NDArray[np.bool_]) -> Sums:
    """Exact match and F1 over all questions, and where some have no answer over those with and without.

    Args:
        has_answer: (N,), as the scores are.
    """
    parts = {"": np.ones(len(has_answer))}
    if not has_answer.all():
        named = {"HasAns_": has_answer, "NoAns_": ~has_answer}
        parts |= {prefix: chosen.astype(np.float64) for prefix, chosen in named.items() if chosen.any()}
    columns = [
        column * chosen
        for chosen in parts.values()
        for column in (scores.exact, scores.f1, np.ones(len(has_answer)))
    ]

    def finish(sums: Floats) -> Values:
        values: Values = {}
        for place, prefix in enumerate(parts):
            exact, f1, count = sums[:, 3 * place : 3 * place + 3].T
            values[f"{prefix}exact" if prefix else "exact_match"] = ratio(exact, count)
            values[f"{prefix}f1"] = ratio(f1, count)
        return values

    return Sums(np.stack(columns, axis=1), finish)


def word_units(text: str) -> list[str]:
    """The words that SQuAD compares: lower case, without ASCII punctuation and articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def character_units(text: str) -> list[str]:
    """The units of F1 by characters: letters of unspaced scripts and words of others, no punctuation."""
    units: list[str] = []
    joins = False
    for character in text.lower():
        if character.isspace() or is_punctuation(character):
            joins = False
        elif is_unspaced(character) or not joins:
            units.append(character)
            joins = not is_unspaced(character)
        else:
            units[-1] += character
    return units


def is_unspaced(character: str) -> bool:
    """Whether words of this letter's script have no spaces between them."""
    return is_ideograph(character) or _UNSPACED.match(character) is not None


def units_for(texts: Iterable[str]) -> Units:
    """``characters`` if more than half of the letters in ``texts`` are of unspaced scripts."""
    letters = [character for text in texts for character in text if character.isalpha()]
    unspaced = sum(map(is_unspaced, letters))
    return "characters" if unspaced > _MOSTLY * len(letters) else "words"


def longest_run(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest run of units that stands in both."""
    best = 0
    above = [0] * (len(other) + 1)
    for unit in one:
        row = [0] * (len(other) + 1)
        for place, opposite in enumerate(other, 1):
            if unit == opposite:
                row[place] = above[place - 1] + 1
                best = max(best, row[place])
        above = row
    return best


def _in_common(one: Sequence[str], other: Sequence[str]) -> int:
    return sum((Counter(one) & Counter(other)).values())


def _f1(
    given: list[str],
    right: list[str],
    common: Callable[[Sequence[str], Sequence[str]], int],
    may_lack: bool,
) -> float:
    if may_lack and not (given and right):
        return float(given == right)
    same = common(given, right)
    if not same:
        return 0.0
    precision, recall = same / len(given), same / len(right)
    return 2 * precision * recall / (precision + recall)
