"""Which choice an answer in a file names: by number, by letter, or by its text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bertwright.tasks.choose.settings import AnswerStyle

_WHOLE = re.compile(r"\d{1,4}", re.ASCII)
_LETTER = re.compile(r"[A-Za-z]", re.ASCII)


def style_of(answers: Iterable[tuple[object, Sequence[str]]]) -> AnswerStyle:
    """How a file's answers (each with its choices) name the right choice.

    By its text when every answer is one of its choices; otherwise as most of them do, so that a slip is not
    taken for the rule.
    """
    cells = list(answers)
    texts = sum(isinstance(cell, str) and cell in choices for cell, choices in cells)
    letters = sum(isinstance(cell, str) and bool(_LETTER.fullmatch(cell)) for cell, _ in cells)
    numbers = sum(_number(cell) is not None for cell, _ in cells)
    if texts == len(cells) or texts > max(letters, numbers) or not (letters or numbers):
        return "text"
    return "letter" if letters > numbers else "index"


def expected_answer(choices: Sequence[str], style: AnswerStyle, count_from: int) -> str:
    """What an answer to a question with ``choices`` can be, for a message."""
    if style == "letter":
        return f"a letter from A to {chr(ord('A') + len(choices) - 1)}"
    if style == "index":
        return f"a number from {count_from} to {count_from + len(choices) - 1}"
    return "the text of one of the choices, which only one of them has"


def place_of(cell: object, choices: Sequence[str], style: AnswerStyle, count_from: int) -> int | None:
    """Which of ``choices`` (from 0) ``cell`` names; None when it names none, or two equal ones."""
    if style == "text":
        return choices.index(cell) if isinstance(cell, str) and choices.count(cell) == 1 else None
    if style == "letter":
        letter = isinstance(cell, str) and _LETTER.fullmatch(cell)
        place = ord(str(cell).upper()) - ord("A") if letter else -1
    else:
        number = _number(cell)
        place = -1 if number is None else number - count_from
    return place if 0 <= place < len(choices) else None


def name_of(place: int, style: AnswerStyle, count_from: int) -> str | int:
    """The choice number ``place`` (from 0) as the file would name it; a text by its number."""
    if style == "letter":
        return chr(ord("A") + place)
    return place + count_from


def _number(cell: object) -> int | None:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return cell
    return int(cell) if isinstance(cell, str) and _WHOLE.fullmatch(cell) else None
