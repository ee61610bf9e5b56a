"""SVG drawings by matplotlib: no screen, the same bytes for the same numbers, fit to stand on one page."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable
from html import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bertwright.errors import encodable

BLUE, ORANGE, GREEN, GREY = "#1f5fbf", "#d9731a", "#0a7d4f", "#8a94a3"
INK, SOFT, FAINT = "#1c2430", "#5b6675", "#e3e8ee"


def drawing(
    title: str,
    paint: Callable[[Axes], None],
    *,
    size: tuple[float, float] = (5.4, 3.1),
    legend_below: bool = False,
) -> str:
    """The drawing as an ``<svg>`` element.

    Args:
        paint: puts the content on the axes; the dress is the same for all drawings.
        size: in inches; only the ratio of the two stays.
        legend_below: put the legend under the axes, where its marks are not taken for data.
    """
    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": title,
        "font.family": "sans-serif",
        "font.size": 10,
        "text.parse_math": False,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.set_title(title, fontsize=11, loc="left", fontweight="bold", color=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)
        paint(axes)
        if axes.get_legend_handles_labels()[0]:
            if legend_below:
                figure.legend(loc="outside lower right", frameon=False, fontsize=8.5)
            else:
                axes.legend(frameon=False, fontsize=8.5)
        buffer = io.StringIO()
        with warnings.catch_warnings():
            # Text stays text, and the reader's fonts draw it: what the font here lacks is no fault.
            warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
            figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _embedded(buffer.getvalue(), title)


def per_cent(axis: Axis) -> None:
    """Show the numbers of ``axis`` in per cent."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))


def _embedded(document: str, title: str) -> str:
    """The ``<svg>`` element alone, its ids made unique so that several can stand on one page."""
    svg = document[document.index("<svg") :]
    # Titles that differ in their punctuation alone are told apart by the digest.
    digest = hashlib.blake2b(encodable(title).encode(), digest_size=4).hexdigest()
    tag = re.sub(r"\W+", "-", title.lower()) + "-" + digest
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{tag}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{tag}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{tag}-\1)", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)
