"""Drawings of an evaluation: reliability, scores by group, predicted against true numbers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from bertwright.reports.drawing import BLUE, GREY, ORANGE, SOFT, drawing, per_cent
from bertwright.statistics.bootstrap import Interval
from bertwright.statistics.calibration import Calibration
from bertwright.statistics.measures import Floats
from bertwright.tasks.breakdown import Breakdown

MOST_POINTS = 2000
"""Of a scatter plot; more are thinned evenly."""


def reliability(calibration: Calibration) -> str:
    """How often what has a confidence is right (or true) at each, and how much there is of it."""

    def paint(axes: Axes) -> None:
        bins = calibration.bins
        total = sum(part.rows for part in bins)
        sure = f"as sure as {calibration.counted}"
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), label=sure)
        axes.bar(
            [part.low for part in bins],
            [part.rows / total for part in bins],
            width=[part.high - part.low for part in bins],
            align="edge",
            color=BLUE,
            alpha=0.16,
            label=f"share of {calibration.of}",
        )
        axes.plot(
            [part.confidence for part in bins],
            [part.accuracy for part in bins],
            color=BLUE,
            marker="o",
            markersize=5,
            linewidth=1.8,
            label=f"share {calibration.counted}",
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.03)
        axes.set_xlabel(f"confidence of {calibration.of}", color=SOFT)
        per_cent(axes.xaxis)
        per_cent(axes.yaxis)

    return drawing("Reliability", paint)


def by_group(breakdown: Breakdown, score: str, *, percent: bool) -> str:
    """The score of every group with its interval."""

    def paint(axes: Axes) -> None:
        groups = breakdown.groups
        places = np.arange(len(groups))
        scores = np.array([group.score for group in groups])
        bounds = [group.interval or Interval(group.score, group.score) for group in groups]  # or no bar
        low, high = (np.array([getattr(bound, end) for bound in bounds]) for end in ("low", "high"))
        spread = [np.maximum(scores - low, 0), np.maximum(high - scores, 0)]
        axes.errorbar(
            places, scores, yerr=spread, fmt="o", color=BLUE, ecolor=BLUE, elinewidth=1.4, capsize=3
        )
        names = [f"{group.name.replace(' pieces', '')}\n{group.rows:,}" for group in groups]
        axes.set_xticks(places, names, fontsize=8.5)
        axes.set_xlim(-0.6, len(groups) - 0.4)
        axes.set_xlabel(
            "pieces, and rows" if breakdown.name == "length" else "group, and its rows", color=SOFT
        )
        if percent:
            per_cent(axes.yaxis)

    words = breakdown.name.replace("_", " ")
    return drawing(f"{score.replace('_', ' ').capitalize()} by {words}", paint)


def scatter(truth_and_answer: Floats) -> str:
    """Predicted against true numbers (N, 2)."""

    def paint(axes: Axes) -> None:
        step = -(-len(truth_and_answer) // MOST_POINTS)
        points = truth_and_answer[::step]
        ends = [float(points.min()), float(points.max())]
        axes.plot(ends, ends, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), label="exactly right")
        axes.plot(points[:, 0], points[:, 1], "o", color=ORANGE, alpha=0.45, markersize=3.5, mew=0)
        axes.set_xlabel("true", color=SOFT)
        axes.set_ylabel("predicted", color=SOFT)

    return drawing("Predicted against true", paint)
