"""Curves of a run as SVG drawings (matplotlib, no screen, same bytes for the same numbers)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bertwright.reports.drawing import BLUE, GREY, SOFT, drawing, per_cent


@dataclass(frozen=True)
class Line:
    """One curve: ``x`` and ``y`` of equal length; ``faint`` for the raw values behind a smoothed curve."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    color: str = BLUE
    faint: bool = False
    marker: bool = False


@dataclass(frozen=True)
class Level:
    """A horizontal line to compare with, such as a baseline."""

    name: str
    y: float
    color: str = GREY


def draw(
    title: str,
    lines: Sequence[Line],
    levels: Sequence[Level] = (),
    *,
    percent: bool = False,
    breaks: Sequence[float] = (),
    x_label: str = "step",
) -> str:
    """The drawing as an ``<svg>`` element.

    Args:
        percent: show the y axis in per cent.
        breaks: steps at which something changes (a phase begins): dotted vertical lines.
    """

    def paint(axes: Axes) -> None:
        for line in lines:
            axes.plot(
                line.x,
                line.y,
                color=line.color,
                alpha=0.25 if line.faint else 1.0,
                linewidth=0.8 if line.faint else 1.8,
                marker="o" if line.marker else None,
                markersize=3.5,
                label=None if line.faint else line.name,
            )
        for level in levels:
            axes.axhline(level.y, color=level.color, linewidth=1.2, linestyle=(0, (4, 3)), label=level.name)
        for place in breaks:
            axes.axvline(place, color=GREY, linewidth=0.8, linestyle=":")
        axes.margins(x=0.01)
        axes.set_xlabel(x_label, color=SOFT)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if percent:
            per_cent(axes.yaxis)

    return drawing(title, paint)


def smoothed(values: Sequence[float], weight: float = 0.9) -> list[float]:
    """Exponential moving average without the start's bias: y_n = sum w^(n-i) x_i / sum w^(n-i)."""
    total = norm = 0.0
    result = []
    for value in values:
        total = weight * total + value
        norm = weight * norm + 1.0
        result.append(total / norm)
    return result
