"""What requests and answers hold, as JSON; the page ``/openapi.json`` is made of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from bertwright.errors import escaped, shortened
from bertwright.features.pooling import SentencePoolingName
from bertwright.inference.scoring import ScoreKind

ROWS = 32
"""Of one request."""
CHARACTERS = 20_000
"""Of one row, all of its texts together."""
CHOICES = 26
"""As many as have a letter."""
TOP_K = 100
NEW_TOKENS = 512
FIELDS = 32
"""Of an object: with more it is refused before they are looked at."""

Text = Annotated[str, Field(max_length=CHARACTERS, pattern=r"\S")]
Value = TypeVar("Value")


def _rows_or_row(value: object) -> str:
    return "(rows)" if isinstance(value, list) else "(row)"


# Tags let an error name one way of reading only; those of :func:`place_of` are left out there.
OneOrMore = Annotated[
    Annotated[Value, Tag("(row)")]
    | Annotated[list[Value], Field(min_length=1, max_length=ROWS, fail_fast=True), Tag("(rows)")],
    Discriminator(_rows_or_row),
]
"""``input`` as it may be: one row, or a list of them."""


def place_of(location: Sequence[int | str]) -> str:
    """Where an error is, as ``input.3.text``; the name of a tag is no part of it."""
    parts = [str(part) for part in location if not str(part).startswith("(")]
    return shortened(escaped(".".join(parts[1:] if parts[:1] == ["body"] else parts)), 60)


def oversized(body: object) -> bool:
    """Whether an object in ``body`` has more fields than any that is known."""
    rows = body.get("input") if isinstance(body, dict) else None
    objects = [body, *(rows if isinstance(rows, list) else [rows])]
    return any(isinstance(one, dict) and len(one) > FIELDS for one in objects)


class Body(BaseModel):
    """What is strict about every request: no unknown field, no number in a text, no text for a number."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())


class Pair(Body):
    """Two texts."""

    text: Text
    text_pair: Text


class Row(Body):
    """An input of the model's task: ``text`` and perhaps ``text_pair``; ``words``; ``question`` and
    ``context``; ``question``, ``choices`` and perhaps ``context``."""

    text: Text | None = None
    text_pair: Text | None = None
    words: Annotated[list[Text], Field(min_length=1, max_length=CHARACTERS // 2, fail_fast=True)] | None = (
        None
    )
    question: Text | None = None
    context: Text | None = None
    choices: Annotated[list[Text], Field(min_length=2, max_length=CHOICES)] | None = None


def _text_or_row(value: object) -> str:
    return "(text)" if isinstance(value, str) else "(object)"


TextOrRow = Annotated[
    Annotated[Text, Tag("(text)")] | Annotated[Row, Tag("(object)")], Discriminator(_text_or_row)
]


class Asked(Body):
    """A request to one of the models."""

    model: str | None = None
    """May be left out where one model is served."""


class EmbeddingsRequest(Asked):
    """As OpenAI's, with ``pooling`` and ``normalize`` besides."""

    input: OneOrMore[Text]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1)] | None = None
    pooling: SentencePoolingName | None = None
    normalize: bool | None = None
    user: str | None = None
    """Is not read."""


class PredictRequest(Asked):
    """Rows for the task that the model was fine-tuned for."""

    input: OneOrMore[TextOrRow]


class FillMaskRequest(Asked):
    """Texts with blanks."""

    input: OneOrMore[Text]
    top_k: Annotated[int, Field(ge=1, le=TOP_K)] = 5


class NextSentenceRequest(Asked):
    """Pairs: does the second follow the first?"""

    input: OneOrMore[Pair]


class ScoreRequest(Asked):
    """Texts: how natural are they?"""

    input: OneOrMore[Text]
    per_token: bool = False


class GenerateRequest(Asked):
    """Beginnings of texts."""

    input: OneOrMore[Text]
    max_tokens: Annotated[int, Field(ge=1, le=NEW_TOKENS)] = 40
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0


class EmbeddingObject(BaseModel):
    """The vector of one text."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str
    truncated: bool


class Usage(BaseModel):
    """Tokens that the network saw."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsAnswer(BaseModel):
    """As OpenAI's, with ``truncated`` besides."""

    object: Literal["list"] = "list"
    data: list[EmbeddingObject]
    model: str
    usage: Usage


class Answers(BaseModel):
    """An answer for every row, as ``bertwright predict`` and its neighbours write them."""

    model: str
    answers: list[dict[str, Any]]


class ScoreAnswers(Answers):
    """Which of the two kinds of scores they are, besides."""

    kind: ScoreKind


class Problem(BaseModel):
    """Why there is no answer; ``param`` is the field that is wrong."""

    type: str
    message: str
    param: str | None = None


class ErrorAnswer(BaseModel):
    """What every refusal holds."""

    error: Problem
