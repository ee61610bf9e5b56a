"""What can be asked of a model, in the words of :class:`bertwright.inference.model.Model`.

Questions that are alike are answered by one call, their rows one after the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
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

    def tokens(self, longest: int) -> int:
        """About how many tokens the network sees, of which the longest row has ``longest``."""
        return sum(min(longest, tokens_of(row)) for row in self.rows)

    def require(self, model: Model, limits: Limits) -> None:
        """Refuse what can be seen to be wrong before it is this question's turn.

        Raises:
            InputError: naming the row.
        """
        for number, row in enumerate(self.rows):
            if (size := characters(row)) > limits.characters:
                raise InputError(
                    f"row {number}: expected at most {limits.characters:,} characters, got {size:,}"
                )

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

    def answers(self, model: Model, rows: Sequence[Any], heard: Progress) -> list[Vector]:
        found = model.embed_texts(rows, pooling=self.pooling, normalize=self.normalize, progress=heard)
        each = zip(found.vectors, found.tokens, found.cut, strict=True)
        return [Vector(numbers, tokens, cut) for numbers, tokens, cut in each]


@dataclass(frozen=True)
class Prediction(Question):
    """The fine-tuned answer for every row, which is an input of the model's task."""

    ability: ClassVar[str] = "predict"

    def tokens(self, longest: int) -> int:
        """A long passage is read through windows that overlap."""
        sizes = map(tokens_of, self.rows)
        return sum(size if size <= longest else 3 * size for size in sizes)

    def require(self, model: Model, limits: Limits) -> None:
        super().require(model, limits)
        model.task.inputs(self.rows)

    def answers(self, model: Model, rows: Sequence[Any], heard: Progress) -> list[dict[str, Any]]:
        return [answer.to_dict() for answer in model.predict(rows, progress=heard)]


@dataclass(frozen=True)
class Blanks(Question):
    """What could stand in the blanks of every text."""

    top_k: int = 5

    ability: ClassVar[str] = "fill-mask"

    def tokens(self, longest: int) -> int:
        blanks = {row: row.count(MASK) if tokens_of(row) > longest else 1 for row in self.rows}
        return sum(min(longest, tokens_of(row)) * blanks[row] for row in self.rows)

    def require(self, model: Model, limits: Limits) -> None:
        super().require(model, limits)
        for number, row in enumerate(self.rows):
            if not 1 <= row.count(MASK) <= limits.masks:
                raise InputError(f"row {number}: expected 1 to {limits.masks} {MASK}, got {row.count(MASK)}")

    def answers(self, model: Model, rows: Sequence[Any], heard: Progress) -> list[dict[str, Any]]:
        found = []
        for text in rows:
            found.append({"masks": [asdict(mask) for mask in model.fill_mask(text, self.top_k)]})
            heard.advance()
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

    def tokens(self, longest: int) -> int:
        """A masked model reads a text once for every token of it."""
        return sum(min(longest, tokens_of(row)) * tokens_of(row) for row in self.rows)

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

    def tokens(self, longest: int) -> int:
        """Every token is read once, the new ones one after the other."""
        return super().tokens(longest) + len(self.rows) * self.max_tokens

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


def texts_of(row: Any) -> Iterator[str]:
    """All texts of a row."""
    if isinstance(row, str):
        yield row
    elif row is not None:
        for part in row.values() if isinstance(row, dict) else row:
            yield from texts_of(part)


def characters(row: Any) -> int:
    """Of all texts of a row."""
    return sum(map(len, texts_of(row)))


def tokens_of(row: Any) -> int:
    """About how many tokens a row has: one for three bytes is right for Chinese, and too many for English."""
    return sum(len(text.encode()) // 3 + 3 for text in texts_of(row))
