"""The page of a look inside a model: attention, heads, and words in their contexts."""

from __future__ import annotations

from html import escape

import numpy as np

from bertwright.looking.look import Look
from bertwright.looking.maps import TextMaps
from bertwright.looking.measures import HeadMeasure, MeasureName
from bertwright.looking.neighbours import Neighbour
from bertwright.looking.words import Occurrence
from bertwright.reports import page
from bertwright.reports.finetuned_report import subtitle
from bertwright.reports.look_charts import (
    MOST_PAIRS,
    MOST_PIECES,
    all_heads,
    head_measure,
    one_head,
    word_similarity,
    word_way,
)

MOST_TEXTS = 8
"""That are drawn."""

TITLES: dict[MeasureName, str] = {
    "cls": "To [CLS]",
    "sep": "To [SEP]",
    "itself": "To the token itself",
    "previous": "To the token before",
    "next": "To the token behind",
    "same_word": "To the same word elsewhere",
    "punctuation": "To punctuation",
    "other_text": "To the other text of the pair",
    "distance": "Mean distance, in tokens",
    "entropy": "Entropy, in nats",
}

Layers = tuple[tuple[Neighbour, ...], ...]
"""For each of L + 1 layers, the nearest first."""

_AROUND = 6
"""Pieces on either side of a word that are shown."""


def render(found: Look, model: str, source: str | None) -> str:
    """The page as HTML text.

    Args:
        model: its name.
        source: name of the file that heads were measured on; None for the texts themselves.
    """
    result = page.Page(f"Inside {model}", subtitle("look"))
    if found.remarks:
        result.section("Remarks", "", page.notes(found.remarks))
    for number, text in enumerate(found.texts[:MOST_TEXTS], 1):
        _text(result, number, text, found.heads)
    if len(found.texts) > MOST_TEXTS:
        result.section("More texts", f"The first {MOST_TEXTS} of {len(found.texts)} texts are drawn.")
    _heads(result, found, source)
    if found.words is not None:
        _words(result, found)
    return result.render()


def strongest(measures: tuple[HeadMeasure, ...], found: TextMaps) -> list[tuple[str, int, int]]:
    """The head that has most of each share, as far as ``found`` can show it: (title, layer, head) from 0."""
    pair = max(found.row.token_type_ids) > 0
    heads: dict[tuple[int, int], list[str]] = {}
    for measure in measures:
        if not (measure.is_share and measure.known) or (measure.name == "other_text" and not pair):
            continue
        layer, head = divmod(int(np.argmax(measure.values)), measure.values.shape[1])
        if measure.values[layer, head] > measure.uniform:
            heads.setdefault((layer, head), []).append(_lowered(measure.name))
    return [(", ".join(names), layer, head) for (layer, head), names in heads.items()]


def _text(result: page.Page, number: int, found: TextMaps, measures: tuple[HeadMeasure, ...]) -> None:
    cut = "" if len(found.row) <= MOST_PIECES else f" The first {MOST_PIECES} of {len(found.row)} are drawn."
    text = (
        f"Every small field is one head: its rows are the {len(found.row)} pieces below, from top to "
        f"bottom, its columns what they attend to. The darker, the more.{cut}"
    )
    enlarged = [
        (
            one_head(number, found, layer, head, f"layer {layer + 1}, head {head + 1}"),
            f"The head that looks most {names}.",
        )
        for names, layer, head in strongest(measures, found)
    ]
    result.section(
        f"Attention in text {number}",
        text,
        page.pieces(found.row.tokens),
        page.figures([(all_heads(number, found), "Shades follow the square root of attention.")]),
        page.details(f"{len(enlarged)} heads enlarged", page.figures(enlarged))
        if number > 1
        else page.figures(enlarged),
    )


def _heads(result: page.Page, found: Look, source: str | None) -> None:
    where = "the texts above" if source is None else source
    texts = f"{found.measured_rows:,} text{'s' if found.measured_rows != 1 else ''}"
    text = (
        f"Means over the tokens of {texts} ({where}), after Clark et al. 2019. Shares overlap and need not "
        "sum to 1. The orange line in each scale is a head that looks everywhere alike."
    )
    drawings = []
    for measure in found.heads:
        if measure.known:
            layer, head = divmod(int(np.argmax(measure.values)), measure.values.shape[1])
            most = (
                f"most in layer {layer + 1}, head {head + 1}: {_shown(measure, measure.values[layer, head])}"
            )
            alike = f"everywhere alike: {_shown(measure, measure.uniform)}"
            caption = f"{most}; {alike}; over {measure.tokens:,} tokens"
            drawings.append((head_measure(measure, TITLES[measure.name]), caption))
    result.section("What each head looks at", text, page.figures(drawings))


def _words(result: page.Page, found: Look) -> None:
    words = found.words
    if words is None:
        return
    several = len(words.occurrences) > 1
    text = (
        "The vector of a word is the mean of its pieces. The closer two occurrences, the less their contexts "
        "matter to that layer (Ethayarajh 2019); vectors of any two words are close too, and are the measure."
    )
    listed = [
        f"<p>{number}. {_in_text(found, place)}</p>" for number, place in enumerate(words.occurrences, 1)
    ]
    drawings = [(word_way(words), "Cosine of each occurrence to its own embedding.")]
    if several:
        pairs = len(words.occurrences) * (len(words.occurrences) - 1) // 2
        which = f"; of {pairs} pairs the closest and the farthest" if pairs > MOST_PAIRS else ""
        drawings.insert(0, (word_similarity(words), f"Cosine of two occurrences{which}."))
    places = f'<div class="blank">{"".join(listed)}</div>'
    result.section("Words over the layers", text, places, page.figures(drawings))
    for number, layers in enumerate(found.neighbours, 1):
        _neighbours(result, number, words.occurrences[number - 1], layers)


def _neighbours(result: page.Page, number: int, place: Occurrence, layers: Layers) -> None:
    rows = [
        [str(layer), " · ".join(f"{near.word}\xa0{near.similarity:.2f}" for near in nearest)]
        for layer, nearest in enumerate(layers)
    ]
    last = "".join(f"<p>{near.similarity:.2f} {_in_file(near)}</p>" for near in layers[-1])
    result.section(
        f"Nearest to “{place.word}” in place {number}",
        "Layer 0 is the embeddings. Of words of the file that are spelled alike the nearest counts. Below, "
        "those of the last layer where they stand.",
        page.table(["layer", "nearest, and cosine"], rows),
        f'<div class="blank">{last}</div>',
    )


def _in_file(near: Neighbour) -> str:
    """A neighbour marked in what stands around it."""
    return f"{escape(near.before)}<mark>{escape(near.word)}</mark>{escape(near.after)}"


def _in_text(found: Look, place: Occurrence) -> str:
    """The word marked among the pieces around it."""
    tokens = found.texts[place.text].row.tokens
    before, after = tokens[max(0, place.start - _AROUND) : place.start], tokens[place.stop :][:_AROUND]
    left = "… " if place.start - _AROUND > 1 else ""
    right = " …" if place.stop + _AROUND < len(tokens) - 1 else ""
    word = _read(tokens[place.start : place.stop])
    return f"{left}{escape(_read(before))} <mark>{escape(word)}</mark> {escape(_read(after))}{right}"


def _read(pieces: list[str]) -> str:
    return " ".join(piece for piece in pieces if piece not in ("[CLS]", "[SEP]")).replace(" ##", "")


def _lowered(name: MeasureName) -> str:
    title = TITLES[name]
    return title[0].lower() + title[1:]


def _shown(measure: HeadMeasure, value: float) -> str:
    return f"{value:.1%}" if measure.is_share else f"{value:.2f}"
