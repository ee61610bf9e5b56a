"""What can be asked of a model, in the words of :class:`bertwright.inference.model.Model`.

Questions that are alike are answered by one call, their rows one after the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bertwright.errors import InputError, UsageError
from bertwright.features.pooling import SentencePoolingName
from bertwright.inference.fill_mask import MASK
from bertwright.inference.model import Model
from bertwright.progress import Progress
from bertwright.serving.limits import Limits
from bertwright.serving.schema import CHARACTERS
from bertwright.serving.sizes import characters, tokens_of


@dataclass(frozen=True)
class Question(ABC):
    """One request: rows, and how they are to be answered."""

    rows: tuple[Any, ...]

    ability: ClassVar[str]
    """The last part of its address."""

    @property
    def alike(self) -> Hashable:
        """Equal for questions that may be answered together."""
        return replace(self, rows=())

    def tokens(self, model: Model) -> int:
        """About how many tokens the network reads for the answers."""
        return sum(min(_longest(model), tokens_of(row)) for row in self.rows)

    def require(self, model: Model, limits: Limits) -> None:
        """Refuse what can be seen to be wrong before it is this question's turn; takes no time.

        Raises:
            InputError: naming the row, or the field.
        """
        for number, row in enumerate(self.rows):
            if (size := characters(row)) > CHARACTERS:
                raise InputError(f"row {number}: expected at most {CHARACTERS:,} characters, got {size:,}")

    @abstractmethod
    def answers(self, model: Model, rows: Sequence[Any], heard: Progress) -> list[Any]:
        """The answer for each of ``rows``, those of all questions that are alike.

        Args:
            heard: advances while it works.
        """


@dataclass(frozen=True)
class Vector:
    """Of one text."""

    numbers: NDArray[np.float32]
    """(D,)"""
    tokens: int
    """That the network saw, ``[CLS]`` and ``[SEP]`` included."""
    truncated: bool


@dataclass(frozen=True)
class Embedding(Question):
    """A vector for every text."""

    pooling: SentencePoolingName | None = None
    normalize: bool | None = None

    ability: ClassVar[str] = "embeddings"

    def require(self, model: Model, limits: Limits) -> None:
        super().require(model, limits)
        model.sentence_recipe(self.pooling, self.normalize)

    def width(self, model: Model) -> int:
        """Numbers of a vector.

        Raises:
            UsageError: no such pooling, or none for this model.
        """
        return model.sentence_recipe(self.pooling, self.normalize).width(model.config.hidden_size)

    def answers(self, model: Model, rows: Sequence[Any], heard: Progress) -> list[Vector]:
        found = model.embed_texts(rows, pooling=self.pooling, normalize=self.normalize, progress=heard)
        each = zip(found.vectors, found.tokens, found.cut, strict=True)
        return [Vector(numbers, tokens, cut) for numbers, tokens, cut in each]


@dataclass(frozen=True)
class Prediction(Question):
    """The fine-tuned answer for every row, which is an input of the model's task."""

    ability: ClassVar[str] = "predict"

    def tokens(self, model: Model) -> int:
        """Texts are cut, choices are read one by one, and passages and sentences through windows."""
        longest = min(_longest(model), model.task.max_length)
        if model.task.kind == "choose":
            return sum(_choices(row) * min(longest, tokens_of(row)) for row in self.rows)
        if model.task.kind in ("answer", "tag"):
            sizes = map(tokens_of, self.rows)
            return sum(size if size <= longest else 3 * size for size in sizes)
        return sum(min(longest, tokens_of(row)) for row in self.rows)

    def require(self, model: Model, limits: Limits) -> None:
        super().require(model, limits)
        if model.task.kind != "tag":  # which cuts a text into words; that is done where it is answered
            model.task.inputs(self.rows)

    def answers(self, model: Model, rows: Sequence[Any], heard: Progress) -> list[dict[str, Any]]:
        return [answer.to_dict() for answer in model.predict(rows, progress=heard)]


@dataclass(frozen=True)
class Blanks(Question):
    """What could stand in the blanks of every text."""

    top_k: int = 5

    ability: ClassVar[str] = "fill-mask"

    def tokens(self, model: Model) -> int:
        """A text that is too long is read once for every blank."""
        longest, total = _longest(model), 0
        for row in self.rows:
            size = tokens_of(row)
            total += size if size <= longest else longest * row.count(MASK)
        return total

    def require(self, model: Model, limits: Limits) -> None:
        super().require(model, limits)
        for number, row in enumerate(self.rows):
            if not 1 <= row.count(MASK) <= limits.masks:
                raise InputError(f"row {number}: expected 1 to {limits.masks} {MASK}, got {row.count(MASK)}")
        most = limits.answer_characters  # each candidate shows the whole text
        if (size := self.top_k * sum(len(row) * row.count(MASK) for row in self.rows)) > most:
            raise InputError(f"top_k: expected answers of at most {most:,} characters, got {size:,}")

    def answers(self, model: Model, rows: Sequence[Any], heard: Progress) -> list[dict[str, Any]]:
        found = []
        for text in rows:
            masks = model.fill_mask(text, self.top_k, progress=heard)
            found.append({"masks": [asdict(mask) for mask in masks]})
        return found


@dataclass(frozen=True)
class Following(Question):
    """Does B follow A, for every pair (A, B)?"""

    ability: ClassVar[str] = "next-sentence"

    def answers(self, model: Model, rows: Sequence[Any], heard: Progress) -> list[dict[str, Any]]:
        found = []
        for a, b in rows:
            found.append(asdict(model.next_sentence_answer(a, b)))
            heard.advance()
        return found


@dataclass(frozen=True)
class Likelihood(Question):
    """How natural is every text?"""

    per_token: bool = False

    ability: ClassVar[str] = "score"

    def tokens(self, model: Model) -> int:
        """A masked model reads a text once for every token of it, any other once."""
        if model.score_kind == "log-likelihood":
            return sum(map(tokens_of, self.rows))
        return sum(min(_longest(model), size) * size for size in map(tokens_of, self.rows))

    def answers(self, model: Model, rows: Sequence[Any], heard: Progress) -> list[dict[str, Any]]:
        scores = model.score(rows, progress=heard)
        return [score.to_dict(per_token=self.per_token) for score in scores]


@dataclass(frozen=True)
class Continuation(Question):
    """How does every text go on?"""

    max_tokens: int = 40
    top_p: float | None = None
    seed: int = 0

    ability: ClassVar[str] = "generate"

    @property
    def alike(self) -> Hashable:
        """Nothing is: what is drawn for a text goes by its number in the request."""
        return object()

    def tokens(self, model: Model) -> int:
        """Every token is read once, the new ones one after the other."""
        return super().tokens(model) + len(self.rows) * self.max_tokens

    def require(self, model: Model, limits: Limits) -> None:
        super().require(model, limits)
        most = model.config.max_position_embeddings - 3
        if self.max_tokens > most:
            raise UsageError(f"max_tokens: expected at most {most}, the positions that the model has")

    def answers(self, model: Model, rows: Sequence[Any], heard: Progress) -> list[dict[str, Any]]:
        found = model.generate(
            rows, max_tokens=self.max_tokens, top_p=self.top_p, seed=self.seed, progress=heard
        )
        return [text.to_dict() for text in found]


def _longest(model: Model) -> int:
    return model.config.max_position_embeddings


def _choices(row: Any) -> int:
    return len(row["choices"] if isinstance(row, dict) else row[-1])
