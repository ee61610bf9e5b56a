"""The table of a comparison in words, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bertwright.data.objectives import MASKED, WordObjective, measured_words

PERPLEXITY = "perplexity"
_SIDE_BY_SIDE = 4


def legend(record: Mapping[str, Any]) -> str:
    """What a cell shows."""
    told = "mean ± deviation over seeds; * more than chance"
    if len(record["seeds"]) == 1:
        told = "one seed; * more than the choice of rows explains"
    return f"Per cent, {told}; in brackets the paper's figure."


def headings(record: Mapping[str, Any]) -> list[str]:
    """The columns: the row's name, what held-out text said where there is any, the tasks."""
    more = [PERPLEXITY] if has_perplexity(record) else []
    return ["", *more, *(column["title"] for column in record["columns"])]


def lines(record: Mapping[str, Any]) -> list[list[str]]:
    """A line a row; of many tasks the paper's figures stand below, or the table would be too wide."""
    beside = " " if len(record["columns"]) <= _SIDE_BY_SIDE else "\n"
    shown = []
    for row in record["rows"]:
        cells = [row["title"]]
        if has_perplexity(record):
            cells.append(perplexity(row))
        cells += [score(row["scores"][column["name"]], beside) for column in record["columns"]]
        shown.append(cells)
    return shown


def has_perplexity(record: Mapping[str, Any]) -> bool:
    """Whether the rows differ in what was measured on held-out text."""
    found = {_perplexity(row)[1] for row in record["rows"]} - {None}
    return len(found) > 1


def perplexity(row: Mapping[str, Any]) -> str:
    """Of the row's encoder on held-out text; of masked tokens where it is not said of which."""
    words, value = _perplexity(row)
    if value is None:
        return ""
    which = "" if words is MASKED else f" {words.which}"
    beside = row["paper_perplexity"]
    return f"{value:,.2f}{which}" + (f" ({beside:.2f})" if beside is not None else "")


def score(found: Mapping[str, Any], beside: str = " ") -> str:
    """A cell; ``beside`` stands before the paper's figure."""
    spread = "" if found["deviation"] is None else f" ± {100 * found['deviation']:.1f}"
    star = " *" if found.get("significant") else ""
    paper = "" if found["paper"] is None else f"{beside}({found['paper']:.1f})"
    return f"{100 * found['mean']:.1f}{spread}{star}{paper}"


def paper_difference(found: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
    """Of two cells in the paper, in points; None where it lacks one of them."""
    if found["paper"] is None or other["paper"] is None:
        return None
    return float(found["paper"] - other["paper"])


def _perplexity(row: Mapping[str, Any]) -> tuple[WordObjective, float | None]:
    """Of which tokens, and how high; None where it was not measured."""
    words = measured_words(row["pretraining"], "perplexity") or MASKED
    return words, row["pretraining"].get(words.figure("perplexity"))
