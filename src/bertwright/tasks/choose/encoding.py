"""Questions as rows for the model, one for each choice.

With a context: ``[CLS] context [SEP] question choice [SEP]``. Without: ``[CLS] question [SEP] choice [SEP]``.
What does not fit is taken from the end of the first text, by the same number of pieces for all choices of a
question, so that they are compared on equal terms. Only where the second text leaves no room for a piece of
the first does it lose pieces itself: the question from its beginning, then the choice from its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from bertwright.tasks.batches import Features
from bertwright.tasks.choose.question import Question
from bertwright.tokenization.encoding import assemble
from bertwright.tokenization.tokenizer import Tokenizer

SHORTEST = 5
"""[CLS], [SEP] and [SEP], a piece of the question and one of the choice."""


def encode_questions(questions: Sequence[Question], tokenizer: Tokenizer, max_length: int) -> list[Features]:
    """The rows of every choice of every question, in order; the target is 1 for the right choice, else 0."""
    texts = list(chain.from_iterable((q.context or "", q.question, *q.choices) for q in questions))
    pieces = iter(tokenizer.encode_ids(texts))
    features: list[Features] = []
    for index, question in enumerate(questions):
        context, asked = next(pieces).tolist(), next(pieces).tolist()
        choices = [next(pieces).tolist() for _ in question.choices]
        first, start = (context, asked) if context else (asked, [])
        features += _rows(question, index, first, start, choices, tokenizer, max_length)
    return features


def _rows(
    question: Question,
    index: int,
    first: list[int],
    start: list[int],
    choices: list[list[int]],
    tokenizer: Tokenizer,
    max_length: int,
) -> list[Features]:
    room = max_length - 3
    kept = min(len(first), max(1, room - len(start) - max(map(len, choices))))
    rows = []
    for place, choice in enumerate(choices):
        end = choice[: room - kept]
        left = room - kept - len(end)
        second = [*start[max(0, len(start) - left) :], *end]
        row = assemble(first[:kept], second, vocabulary=tokenizer.vocabulary, max_length=max_length)
        cut = kept < len(first) or len(second) < len(start) + len(choice)
        target = None if question.target is None else int(place == question.target)
        built = Features.of(row, index, target)
        rows.append(Features(built.input_ids, built.token_type_ids, cut, index, target))
    return rows
