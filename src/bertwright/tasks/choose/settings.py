"""How a file says which choice is right."""

from __future__ import annotations

from typing import Literal

from bertwright.config.settings import Settings

AnswerStyle = Literal["index", "letter", "text"]


class ChooseSettings(Settings):
    """Where a file has its choices and answers, when that cannot be guessed."""

    choices: str | None = None
    """The columns of the choices, separated by commas; or one column that holds lists."""
    answers: Literal["auto", "index", "letter", "text"] = "auto"
    """Whether answers are numbers, letters (A is the first) or the text of the right choice; auto looks."""
    count_from: Literal[0, 1] = 0
    """What the number of the first choice is."""
