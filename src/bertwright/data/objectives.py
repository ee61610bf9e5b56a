"""The objectives of pre-training: what is asked about words, and what about a pair of segments.

Everything that differs by objective and is said in more than one place stands here once: what figures are
called by, how reports name them, how much is predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ObjectiveName = Literal["mlm+nsp", "mlm", "mlm+sop", "clm", "bilm"]
WordsName = Literal["mlm", "clm", "bilm"]
PairQuestion = Literal["next", "order"]


@dataclass(frozen=True)
class WordObjective:
    """What is predicted of words."""

    name: WordsName
    """What figures about it are called by: ``mlm_loss`` and so on."""
    title: str
    guessed: str
    which: str
    """Which tokens those are, in a word or two."""
    network: str
    """What learns by it."""
    every_token: bool = False
    """Whether every token is predicted, from those before it (and after it), and none is masked."""
    sides: int = 1
    """How many tokens are predicted where one is asked about."""

    def figure(self, kind: str) -> str:
        """The name of its ``loss``, ``accuracy`` or ``perplexity``."""
        return f"{self.name}_{kind}"

    @property
    def figures(self) -> tuple[str, str, str]:
        """The names of all three, in this order."""
        return self.figure("loss"), self.figure("accuracy"), self.figure("perplexity")


@dataclass(frozen=True)
class PairObjective:
    """What is judged of two segments; figures about it are called ``nsp_loss`` and so on, whichever it is."""

    name: PairQuestion
    title: str
    asked: str


@dataclass(frozen=True)
class Objective:
    """What an instance asks."""

    words: WordObjective
    pairs: PairObjective | None = None


MASKED = WordObjective("mlm", "Masked-LM", "masked words", "masked", network="a bidirectional model")
LEFT_TO_RIGHT = WordObjective(
    "clm",
    "Left-to-right",
    "next tokens",
    "next",
    network="a left-to-right model",
    every_token=True,
)
TWO_WAYS = WordObjective(
    "bilm",
    "Two-LSTM",
    "next and previous tokens",
    "either side",
    network="an LSTM language model",
    every_token=True,
    sides=2,
)
WORD_OBJECTIVES = (MASKED, LEFT_TO_RIGHT, TWO_WAYS)

NEXT_SENTENCE = PairObjective("next", "next-sentence", "Does B follow A, or is it from another document?")
SENTENCE_ORDER = PairObjective(
    "order", "sentence-order", "Do the two texts stand in their order, or were they swapped?"
)

OBJECTIVES: Mapping[ObjectiveName, Objective] = {
    "mlm+nsp": Objective(MASKED, NEXT_SENTENCE),
    "mlm": Objective(MASKED),
    "mlm+sop": Objective(MASKED, SENTENCE_ORDER),
    "clm": Objective(LEFT_TO_RIGHT),
    "bilm": Objective(TWO_WAYS),
}
PUBLISHED: ObjectiveName = "mlm+nsp"

WORD_FIGURES = tuple(name for words in WORD_OBJECTIVES for name in words.figures)
"""All figures about words that a run can have."""
FIGURES = (*WORD_FIGURES, "nsp_loss", "nsp_accuracy")
"""And about pairs."""


def objective_of(settings: Mapping[str, Any]) -> Objective:
    """The objective of a run by its stored ``settings``; the published one where they name none known."""
    name: Any = settings.get("objective")
    return OBJECTIVES.get(name, OBJECTIVES[PUBLISHED])


def measured_words(figures: Mapping[str, Any], kind: str = "loss") -> WordObjective | None:
    """What was predicted, by the ``figures`` of a run; None where they have none of this ``kind``."""
    found = (words for words in WORD_OBJECTIVES if figures.get(words.figure(kind)) is not None)
    return next(found, None)
