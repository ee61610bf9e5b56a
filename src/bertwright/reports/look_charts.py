"""Drawings of what was seen inside a model: attention, heads, and words over the layers.

Layers and heads are counted from 1, as papers do; 0 is the embeddings.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bertwright.looking.maps import TextMaps
from bertwright.looking.measures import HeadMeasure
from bertwright.looking.words import WordLayers
from bertwright.reports.drawing import BLUE, GREEN, GREY, ORANGE, SOFT, drawing, per_cent

MOST_PIECES = 40
"""Of a text that are drawn: more cannot be read."""
MOST_PAIRS = 6
"""Of occurrences that are drawn: with more, the closest and the farthest half of it."""

_COLORS = (BLUE, ORANGE, GREEN, "#8b4fb5", "#b3401f", "#2a9d9d")
_SHADES = "Blues"


def all_heads(number: int, found: TextMaps) -> str:
    """Every head of every layer as a small map: rows attend, columns are attended to."""
    maps = found.attention[..., :MOST_PIECES, :MOST_PIECES]
    layers, heads, size = maps.shape[:3]
    step = size + max(1, size // 10)  # a white stripe between maps
    sheet = np.full((layers * step, heads * step), np.nan, np.float32)
    for layer in range(layers):
        for head in range(heads):
            sheet[layer * step :, head * step :][:size, :size] = maps[layer, head]

    def paint(axes: Axes) -> None:
        axes.imshow(np.sqrt(sheet), cmap=_SHADES, vmin=0, vmax=1, interpolation="none", aspect="auto")
        middle = (size - 1) / 2
        axes.set_xticks([head * step + middle for head in range(heads)], [str(h + 1) for h in range(heads)])
        axes.set_yticks([at * step + middle for at in range(layers)], [str(at + 1) for at in range(layers)])
        axes.set_xlabel("head", color=SOFT)
        axes.set_ylabel("layer", color=SOFT)
        _bare(axes)

    height = 0.8 + 4.6 * layers / heads  # squares, as wide as high
    return drawing(f"Text {number}: all heads", paint, size=(5.4, min(9.0, max(2.2, height))))


def one_head(number: int, found: TextMaps, layer: int, head: int, title: str) -> str:
    """One head's map with the pieces beside it."""
    tokens = found.row.tokens[:MOST_PIECES]
    size = len(tokens)
    font = min(9.0, 150 / size)

    def paint(axes: Axes) -> None:
        axes.imshow(
            found.attention[layer, head, :size, :size], cmap=_SHADES, vmin=0, vmax=1, interpolation="none"
        )
        axes.set_xticks(range(size), tokens, rotation=90, fontsize=font)
        axes.set_yticks(range(size), tokens, fontsize=font)
        _bare(axes)

    return drawing(f"Text {number}: {title}", paint, size=(5.0, 4.8))


def head_measure(measure: HeadMeasure, title: str) -> str:
    """One figure of every head, layer by layer."""

    def paint(axes: Axes) -> None:
        layers, heads = measure.values.shape
        top = max(float(measure.values.max()), measure.uniform, 1e-9)
        shown = axes.imshow(measure.values, cmap=_SHADES, vmin=0, vmax=top, interpolation="none")
        axes.set_aspect("auto")
        axes.set_xticks(range(heads), [str(head + 1) for head in range(heads)])
        axes.set_yticks(range(layers), [str(layer + 1) for layer in range(layers)])
        axes.set_xlabel("head", color=SOFT)
        axes.set_ylabel("layer", color=SOFT)
        _bare(axes)
        figure = axes.get_figure()
        if figure is not None:
            bar = figure.colorbar(shown, ax=axes)
            bar.outline.set_visible(False)
            bar.ax.axhline(measure.uniform, color=ORANGE, linewidth=2)
            if measure.is_share:
                per_cent(bar.ax.yaxis)

    height = 1.1 + 0.22 * measure.values.shape[0]
    return drawing(title, paint, size=(5.0, max(2.4, height)))


def pairs_of(words: WordLayers) -> list[tuple[int, int]]:
    """The pairs of occurrences to draw; of many the farthest and the closest of the last layer."""
    pairs = list(combinations(range(len(words.occurrences)), 2))
    if len(pairs) <= MOST_PAIRS:
        return pairs
    pairs.sort(key=lambda pair: float(words.similarity[-1][pair]))
    return pairs[: MOST_PAIRS // 2] + pairs[-(MOST_PAIRS // 2) :]


def word_similarity(words: WordLayers) -> str:
    """How alike the vectors of two occurrences are, over the layers, beside any two words."""

    def paint(axes: Axes) -> None:
        for number, (one, other) in enumerate(pairs_of(words)):
            label = f"{one + 1} and {other + 1}"
            _over_layers(axes, words.similarity[:, one, other], _COLORS[number], label)
        _over_layers(axes, words.any_two, GREY, "any two words", dashed=True)
        axes.set_ylabel("cosine", color=SOFT)

    return drawing("Occurrences over the layers", paint)


def word_way(words: WordLayers) -> str:
    """How much each occurrence is still like its own embedding, over the layers."""

    def paint(axes: Axes) -> None:
        for number, values in enumerate(words.to_embedding):
            _over_layers(axes, values, _COLORS[number % len(_COLORS)], str(number + 1))
        axes.set_ylabel("cosine", color=SOFT)

    return drawing("From the embedding on", paint)


def _over_layers(
    axes: Axes, values: NDArray[np.float64], color: str, label: str, *, dashed: bool = False
) -> None:
    style = "--" if dashed else "-"
    axes.plot(range(len(values)), values, style, color=color, label=label, marker="o", markersize=3)
    axes.set_xlabel("layer (0: embeddings)", color=SOFT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _bare(axes: Axes) -> None:
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
