"""What is to be chosen for span question answering; the defaults are those of ``run_squad.py``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bertwright.config.settings import Settings

Units = Literal["words", "characters"]
"""What F1 counts: words as SQuAD does, or characters, much as CMRC 2018, for languages without spaces."""


class AnswerSettings(Settings):
    """How passages are cut into windows, and how an answer is chosen from the scores of their tokens."""

    doc_stride: Annotated[int, Field(ge=1)] = 128
    """A long passage is cut into windows that begin so many pieces apart."""
    max_query_length: Annotated[int, Field(ge=1)] = 64
    """A longer question loses its end; for short rows the limit is half of the row."""
    max_answer_length: Annotated[int, Field(ge=1)] = 30
    """Longest answer that is given, in pieces."""
    n_best: Annotated[int, Field(ge=1)] = 20
    """So many starts and ends of a window are combined, and so many answers are kept."""
    drop_misaligned: bool = False
    """Leave out training questions of which no answer stands at its offset, instead of refusing the file."""
    units: Literal["auto", "words", "characters"] = "auto"
    """What F1 and exact match compare; auto takes characters when the answers are written without spaces."""
