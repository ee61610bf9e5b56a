"""A sentence with one word hidden, and the guesses: what a run stores and its report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FilledBlank:
    """One held-out sentence, its hidden word, and the model's guesses."""

    before: str
    truth: str
    after: str
    guesses: tuple[tuple[str, float], ...]
    """(piece, probability), best first."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``blanks.json``."""
        guesses = [{"token": token, "probability": probability} for token, probability in self.guesses]
        return {"before": self.before, "truth": self.truth, "after": self.after, "guesses": guesses}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> FilledBlank:
        """Back from ``blanks.json``."""
        guesses = tuple((str(guess["token"]), float(guess["probability"])) for guess in stored["guesses"])
        return cls(stored["before"], stored["truth"], stored["after"], guesses)
