"""Drawings of a comparison: differences beside the paper's, and scores over steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bertwright.comparison.tables.steps import OBJECTIVES
from bertwright.errors import shortened
from bertwright.reports.comparison_table import paper_difference
from bertwright.reports.drawing import BLUE, GREEN, GREY, ORANGE, SOFT, drawing

_COLORS = (BLUE, ORANGE, GREEN, "#8b4fb5")
_LONGEST = 34
"""Characters of a row's name beside an axis."""


def apart(record: Mapping[str, Any], column: Mapping[str, Any]) -> str:
    """How far each row is from the one that it is compared with, and how far in the paper."""
    scores = {row["name"]: row["scores"][column["name"]] for row in record["rows"]}
    titles = {row["name"]: row["title"] for row in record["rows"]}
    compared = [name for name, found in scores.items() if "difference" in found]

    def paint(axes: Axes) -> None:
        axes.axvline(0, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
        for place, name in enumerate(compared):
            found = scores[name]
            middle = 100 * found["difference"]
            low, high = (100 * bound for bound in found["interval"])
            axes.errorbar(
                [middle],
                [place],
                xerr=[[max(middle - low, 0)], [max(high - middle, 0)]],
                fmt="o",
                color=BLUE if found["significant"] else GREY,
                elinewidth=1.6,
                capsize=3,
            )
            paper = paper_difference(found, scores[found["against"]])
            if paper is not None:
                label = "the paper" if not axes.get_legend_handles_labels()[0] else None
                axes.plot([paper], [place], "D", color=ORANGE, markersize=5, mfc="none", mew=1.6, label=label)
        axes.set_yticks(
            range(len(compared)), [shortened(titles[name], _LONGEST) for name in compared], fontsize=8.5
        )
        axes.set_ylim(len(compared) - 0.5, -0.5)
        axes.set_xlabel(
            f"points of difference, {scores[compared[0]]['metric'].replace('_', ' ')}", color=SOFT
        )
        axes.grid(visible=False, axis="y")

    height = 1.3 + 0.32 * max(2, len(compared))
    return drawing(f"{column['title']}: difference", paint, size=(5.4, height), legend_below=True)


def over_steps(record: Mapping[str, Any], column: Mapping[str, Any]) -> str:
    """The score at every moment of each run."""

    def paint(axes: Axes) -> None:
        for number, (name, rows) in enumerate(_by_encoder(record).items()):
            found = [row["scores"][column["name"]] for row in rows]
            x = [row["pretraining"].get("steps", row["share"]) for row in rows]
            mean = [100 * score["mean"] for score in found]
            spread = [100 * (score["deviation"] or 0.0) for score in found]
            color = _COLORS[number % len(_COLORS)]
            title, _ = OBJECTIVES.get(name, (name, ""))
            axes.plot(x, mean, color=color, marker="o", markersize=4, linewidth=1.8, label=title)
            low = [value - by for value, by in zip(mean, spread, strict=True)]
            high = [value + by for value, by in zip(mean, spread, strict=True)]
            axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
        axes.set_xlabel("updates of pre-training", color=SOFT)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    metric = record["rows"][0]["scores"][column["name"]]["metric"].replace("_", " ")
    return drawing(f"{column['title']}: {metric}", paint)


def _by_encoder(record: Mapping[str, Any]) -> dict[str, Sequence[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in record["rows"]:
        found.setdefault(row["encoder"], []).append(row)
    return dict(found)
