"""Curves of a run as SVG drawings (matplotlib, no screen, same bytes for the same numbers)."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

BLUE, ORANGE, GREEN, GREY = "#1f5fbf", "#d9731a", "#0a7d4f", "#8a94a3"


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
) -> str:
    """The drawing as an ``<svg>`` element.

    Args:
        percent: show the y axis in per cent.
        breaks: steps at which something changes (a phase begins): dotted vertical lines.
    """
    settings = {"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif", "font.size": 10}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(5.4, 3.1), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
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
        _dress(axes, title, percent)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _embedded(buffer.getvalue(), title)


def smoothed(values: Sequence[float], weight: float = 0.9) -> list[float]:
    """Exponential moving average without the start's bias: y_n = sum w^(n-i) x_i / sum w^(n-i)."""
    total = norm = 0.0
    result = []
    for value in values:
        total = weight * total + value
        norm = weight * norm + 1.0
        result.append(total / norm)
    return result


def _dress(axes: mpl.axes.Axes, title: str, percent: bool) -> None:
    axes.set_title(title, fontsize=11, loc="left", fontweight="bold", color="#1c2430")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e3e8ee", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)
    axes.set_xlabel("step", color="#5b6675")
    if percent:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8.5)


def _embedded(document: str, title: str) -> str:
    """The ``<svg>`` element alone, its ids made unique so that several can stand on one page."""
    svg = document[document.index("<svg") :]
    tag = re.sub(r"\W+", "-", title.lower())
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{tag}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{tag}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{tag}-\1)", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
