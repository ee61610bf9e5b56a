"""Whether a model is as sure as it is right (Guo et al., 2017, section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertwright.statistics.measures import Floats

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of similar confidence: more than ``low``, at most ``high``."""

    low: float
    high: float
    rows: int
    confidence: float
    """Their mean confidence."""
    accuracy: float
    """Share of them that is right."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Confidence against truth."""

    expected_error: float
    """Expected calibration error: mean over the rows of | accuracy - confidence | of their bin."""
    brier: float
    """Mean squared distance of the probabilities from the truth, 0 at best."""
    confidence: float
    """Mean confidence; above the accuracy the model is too sure of itself."""
    bins: tuple[Bin, ...]
    """Those with rows, from the lowest confidence."""
    of: str = "answers"
    """What has a confidence each, for people."""
    counted: str = "right"
    """What the accuracy is a share of, for people: right answers, true labels."""

    @property
    def accuracy(self) -> float:
        """Share of all :attr:`of` that is :attr:`counted`."""
        total = sum(part.rows for part in self.bins)
        return sum(part.rows * part.accuracy for part in self.bins) / total

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "expected_calibration_error": self.expected_error,
            "brier": self.brier,
            "confidence": self.confidence,
            "bins": [
                {name: getattr(part, name) for name in ("low", "high", "rows", "confidence", "accuracy")}
                for part in self.bins
            ],
        }


def calibration(
    confidence: Floats,
    right: NDArray[np.bool_],
    brier: float,
    bins: int = BINS,
    *,
    of: str = "answers",
    counted: str = "right",
) -> Calibration:
    """Of answers given with ``confidence`` (N,) from 0 to 1, of which those of ``right`` (N,) are true.

    ``of`` and ``counted`` are the words for them where they are no right answers.

    Bins are of equal width, closed at the upper end, as in ``sklearn.calibration.calibration_curve``.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    places = np.searchsorted(edges[1:-1], confidence)
    counts = np.bincount(places, minlength=bins)
    sure = np.bincount(places, weights=confidence, minlength=bins)
    true = np.bincount(places, weights=right.astype(np.float64), minlength=bins)
    filled = [
        Bin(
            float(edges[place]),
            float(edges[place + 1]),
            int(counts[place]),
            float(sure[place] / counts[place]),
            float(true[place] / counts[place]),
        )
        for place in np.flatnonzero(counts)
    ]
    error = float(np.abs(sure - true).sum() / len(confidence))
    return Calibration(error, brier, float(confidence.mean()), tuple(filled), of, counted)


def brier_score(probabilities: Floats, truth: NDArray[np.int64]) -> float:
    """Mean squared distance of ``probabilities`` (N, C) from the true classes (N,).

    For two classes that of the second class alone, otherwise the sum over the classes (Brier, 1950), as
    ``sklearn.metrics.brier_score_loss`` has it.
    """
    true = np.zeros_like(probabilities)
    true[np.arange(len(truth)), truth] = 1.0
    squares = float(((probabilities - true) ** 2).sum(axis=1).mean())
    return squares / 2.0 if probabilities.shape[1] == 2 else squares
