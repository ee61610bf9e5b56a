"""A confusion matrix as a table whose cells are the darker the more rows they hold."""

from __future__ import annotations

from html import escape

import numpy as np

from bertwright.errors import shortened
from bertwright.reports import page
from bertwright.statistics.classes import Confusion

MOST_LABELS = 16
"""More do not fit beside each other: then the ones that are most often confused are shown."""
LONGEST_LABEL = 24
"""Characters of a label that are shown."""
_CAPTION = "rows: true, columns: given"


def confusion_table(confusion: Confusion) -> str:
    """Rows are true classes, columns given ones; shares are of the true class."""
    chosen = _most_involved(confusion)
    labels = [shortened(confusion.labels[number], LONGEST_LABEL) for number in chosen]
    counts = confusion.counts[np.ix_(chosen, chosen)]
    totals = confusion.counts[chosen].sum(axis=1)
    head = "".join(f'<th scope="col"><span>{escape(label)}</span></th>' for label in labels)
    lines = []
    for place, label in enumerate(labels):
        cells = "".join(
            _cell(int(count), int(totals[place]), place == column)
            for column, count in enumerate(counts[place])
        )
        lines.append(
            f'<tr><th scope="row">{escape(label)}</th>{cells}<td class="r">{totals[place]:,}</td></tr>'
        )
    head = f'<thead><tr><td></td>{head}<th scope="col" class="r">all</th></tr></thead>'
    body = f"<caption>{_CAPTION}</caption>{head}<tbody>{''.join(lines)}</tbody>"
    return page.scrolled(f'<table class="heat">{body}</table>', _CAPTION)


def confusions(confusion: Confusion) -> str:
    """The most frequent mistakes as a table."""
    rows = [[true, given, f"{count:,}"] for true, given, count in confusion.most_confused()]
    return page.table(["true", "given", "times"], rows, right=(2,)) if rows else ""


def _most_involved(confusion: Confusion) -> list[int]:
    """Numbers of the labels to show, in order."""
    if len(confusion.labels) <= MOST_LABELS:
        return list(range(len(confusion.labels)))
    wrong = confusion.counts - np.diag(np.diag(confusion.counts))
    involved = wrong.sum(axis=0) + wrong.sum(axis=1)
    return sorted(np.argsort(-involved, kind="stable")[:MOST_LABELS].tolist())


def _cell(count: int, total: int, right: bool) -> str:
    share = count / total if total else 0.0
    color = "var(--good)" if right else "var(--bad)"
    # at most 60 % of the color, so that the number stays readable on it
    style = f"background: color-mix(in srgb, {color} {60 * share:.0f}%, transparent)"
    shown = f"{count:,}" if count else "·"
    told = f'<span class="unseen"> ({share:.1%})</span>' if count else ""  # what the shade says
    return f'<td class="cell" style="{style}" title="{share:.1%}">{shown}{told}</td>'
