"""Why an answer is not where its file says, and what is most likely wrong."""

from __future__ import annotations

from dataclasses import dataclass

from bertwright.errors import quote
from bertwright.tasks.answer.questions import Question, Reference


@dataclass(frozen=True, slots=True)
class Misalignment:
    """What was expected at the offset of an answer, and what was found."""

    expected: str
    got: str
    hint: str


def misalignment(question: Question) -> Misalignment | None:
    """What is wrong with the first answer of ``question``, if none of its answers stands at its offset."""
    if not question.answers or question.trained is not None:
        return None
    return explain(question.context, question.answers[0])


def explain(context: str, answer: Reference) -> Misalignment:
    """What is wrong with ``answer``, which does not stand in ``context`` at its offset."""
    expected = f"the answer {quote(answer.text)}" + (
        "" if answer.start is None else f" at answer_start {answer.start:,}"
    )
    return Misalignment(expected, _found(context, answer), _hint(context, answer))


def _found(context: str, answer: Reference) -> str:
    if answer.start is None:
        return f"it {_count(context, answer.text)} times in the passage"
    if not 0 <= answer.start < len(context):
        return f"an offset outside the passage of {len(context):,} characters"
    return context[answer.start : answer.start + len(answer.text)]


def _hint(context: str, answer: Reference) -> str:
    text, start = answer.text, answer.start
    if text not in context:
        stripped = text.strip()
        inside = stripped != text and stripped in context
        what = "only without its outer white space" if inside else "nowhere"
        return f"it stands {what} in the passage; --drop-misaligned leaves such questions out"
    if start is None:
        return "give answer_start, or --drop-misaligned to leave such questions out"
    if 0 <= start <= 2 * len(context):
        for unit, place in (
            ("UTF-16 units", _from_utf16(context, start)),
            ("bytes", _from_bytes(context, start)),
        ):
            if place != start and context.startswith(text, place):
                return f"the offset counts {unit}; in characters it is {place}"
    if start >= -1 and context.startswith(text, start + 1):
        return "it stands one further (+1): is it off by a leading space?"
    if start >= 1 and context.startswith(text, start - 1):
        return "it stands one before (-1): does the offset count from 1?"
    return f"it stands at {_nearest(context, text, start)}; --drop-misaligned leaves such questions out"


def _from_utf16(context: str, units: int) -> int:
    return len(context.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))


def _from_bytes(context: str, units: int) -> int:
    return len(context.encode()[:units].decode("utf-8", "ignore"))


def _nearest(context: str, text: str, start: int) -> int:
    before, behind = context.rfind(text, 0, max(start, 0) + len(text)), context.find(text, max(start, 0))
    if before < 0 or behind < 0:
        return max(before, behind)
    return min(before, behind, key=lambda place: abs(place - start))


def _count(context: str, text: str) -> str:
    """How often ``text`` occurs, occurrences that overlap counted."""
    place, count = context.find(text), 0
    while place >= 0 and count < 100:
        place, count = context.find(text, place + 1), count + 1
    return f"{count}" if count < 100 else "at least 100"
