"""The page of a comparison: the table beside the paper's, what is more than chance, what it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bertwright import strict_json
from bertwright.comparison.members import FORMAT, KIND, LARGEST_RECORD, RECORD
from bertwright.durable import read_manifest, verify, write_file
from bertwright.errors import InputError
from bertwright.reports import page
from bertwright.reports.comparison_charts import apart, over_steps
from bertwright.reports.comparison_table import headings, legend, lines, paper_difference, perplexity
from bertwright.reports.finetuned_report import subtitle

REPORT = "report.html"
_TEST = (
    "Student's t, with the variance over development rows (drawn anew, all seeds on the same ones) "
    "and over seeds"
)
_ROWS_TEST = (
    "exchanging the answers of two rows of the table to a row of data (approximate randomization): with one "
    "seed it is of these trained models alone"
)


def is_comparison(path: Path) -> bool:
    """Whether ``path`` is the folder of a comparison."""
    return (path / RECORD).exists()


def write_comparison(path: Path, output: Path | None = None) -> Path:
    """Write (or rewrite) the page of the comparison in ``path``.

    Args:
        output: the file to write; ``path/report.html`` when None. It is no part of what the folder's digests
            vouch for.

    Raises:
        InputError: it is not a comparison.
        DigestError: it is damaged, or was changed.
        DiskError: the page could not be written.
    """
    verify(read_manifest(path, KIND), [RECORD])
    record = strict_json.load(path / RECORD, max_bytes=LARGEST_RECORD)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError.at(path / RECORD, f"the format {FORMAT}")
    target = output or path / REPORT
    write_file(target, render(record), overwrite=True)
    return target


def render(record: Mapping[str, Any]) -> str:
    """The page as HTML text."""
    seeds = len(record["seeds"])
    told = f"{seeds} seed{'s' if seeds > 1 else ''} in every cell"
    result = page.Page(record["title"], subtitle(f"compare {record['comparison']}", told))
    _headline(result, record)
    if record["comparison"] == "steps":
        _steps(result, record)
    _differences(result, record)
    _encoders(result, record)
    _seeds(result, record)
    if record["warnings"]:
        result.section("Odd about the data", "", page.notes(record["warnings"]))
    rows = [[name, strict_json.dump(value)] for name, value in record["settings"].items()]
    table = page.details(f"{len(rows)} settings", page.table(["setting", "value"], rows))
    result.section("Settings", "What was asked for; the rest is at its default.", table)
    return result.render()


def _headline(result: page.Page, record: Mapping[str, Any]) -> None:
    columns = headings(record)
    text = f"{legend(record)} The paper: {record['paper']['source']}."
    says = f"What the paper concludes: {record['paper']['says']}"
    result.section(
        "The table",
        text,
        page.table(columns, lines(record), right=range(1, len(columns))),
        page.notes([says, _metrics(record), *_stuck(record)]),
    )


def _stuck(record: Mapping[str, Any]) -> list[str]:
    """Where nothing was learned, which no difference can tell of."""
    told = []
    for column in record["columns"]:
        found: dict[str, list[str]] = {}
        for row in record["rows"]:
            runs = row["scores"][column["name"]]["seeds"]
            count = sum(run["stuck"] is not None for run in runs)
            if count:
                found.setdefault(f"{count} of {len(runs)}", []).append(row["title"])
        for runs, titles in found.items():
            where = "in all rows" if len(titles) == len(record["rows"]) > 1 else f"of {'; '.join(titles)}"
            told.append(f"{column['title']}: {runs} runs {where} learned nothing, after every attempt.")
    return told


def _metrics(record: Mapping[str, Any]) -> str:
    """What is measured on how many rows, and what is reached without the text."""
    told = []
    first = record["rows"][0]["scores"]
    for column in record["columns"]:
        found = first[column["name"]]
        base = found["baseline"]
        without = "" if base is None else f"; {100 * base:.1f} without looking at the text"
        rows = f"{found['rows']:,} rows, learned from {found['train_rows']:,}"
        told.append(f"{column['title']}: {found['metric'].replace('_', ' ')} of {rows}{without}")
    return ". ".join(told) + "."


def _steps(result: page.Page, record: Mapping[str, Any]) -> None:
    drawings = [(over_steps(record, column), "") for column in record["columns"]]
    text = "Each run, adapted to the task at several moments; the band is the deviation over seeds."
    result.section("What longer pre-training is worth", text, page.figures(drawings))


def _differences(result: page.Page, record: Mapping[str, Any]) -> None:
    tests, chance = record["tests"], record["significant_by_chance"]
    if not tests:
        return
    percent = f"{100 * record['confidence']:.3g} %"
    several = len(record["seeds"]) > 1
    text = (
        f"Differences of the means over seeds, with {percent} intervals; "
        f"p by {_TEST if several else _ROWS_TEST}. "
        "It does not tell what another pre-training with other chance would say. "
        f"Of {tests} tests at {100 * (1 - record['confidence']):.3g} % about {chance:.1f} come out "
        "significant by chance alone."
    )
    drawn = [(apart(record, column), "") for column in record["columns"]]
    result.section("More than chance?", text, page.figures(drawn), _tests(record))


def _tests(record: Mapping[str, Any]) -> str:
    titles = {row["name"]: row["title"] for row in record["rows"]}
    others = _others(record)
    rows = []
    for column in record["columns"]:
        scores = {row["name"]: row["scores"][column["name"]] for row in record["rows"]}
        for name, found in scores.items():
            if "difference" in found:
                other = scores[found["against"]]
                rows.append(
                    [
                        column["title"],
                        titles[name],
                        titles[found["against"]],
                        f"{100 * found['difference']:+.1f}",
                        f"{100 * found['interval'][0]:+.1f} to {100 * found['interval'][1]:+.1f}",
                        f"{found['p_value']:.4f}{' *' if found['significant'] else ''}",
                        _papers(found, other),
                    ]
                )
    less = f"less {titles[others.pop()]}" if len(others) == 1 else "less"
    names = ["task", "row", less, "difference"]
    interval = f"{100 * record['confidence']:.3g} % interval"
    table = page.table([*names, interval, "p", "the paper's"], rows, right=range(3, 7))
    return page.details("All tests", table)


def _others(record: Mapping[str, Any]) -> set[str]:
    """The rows that some are compared with."""
    return {
        found["against"] for row in record["rows"] for found in row["scores"].values() if found["against"]
    }


def _papers(found: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    difference = paper_difference(found, other)
    return "" if difference is None else f"{difference:+.1f}"


def _encoders(result: page.Page, record: Mapping[str, Any]) -> None:
    rows = []
    shared = {(row["encoder"], row["share"]): row for row in reversed(record["rows"])}
    several = len(shared) < len(record["rows"])
    for row in reversed(shared.values()):
        figures = row["pretraining"]
        counts = [
            f"{figures[name]:,}" if name in figures else "" for name in ("parameters", "steps", "tokens")
        ]
        spent = f"{figures['seconds']:,.0f}" if "seconds" in figures else ""
        pairs = f"{figures['nsp_accuracy']:.1%}" if "nsp_accuracy" in figures else ""
        given = f" ({row['model']})" if row["model"] else ""
        title = row["encoder"] if several else row["title"]
        rows.append([title + given, *counts, spent, perplexity(row), pairs])
    columns = ["", "parameters", "updates", "tokens", "seconds", "held-out perplexity", "pairs right"]
    text = (
        "What each row was pre-trained with, and what it knows of text that it never read. Tokens are "
        "counted without padding; perplexities of masked words and of next tokens do not compare."
    )
    told = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    cells = [[row[place] for place in told] for row in rows]
    table = page.table([columns[place] for place in told], cells, right=range(1, len(told)))
    result.section("The encoders", text, table)


def _seeds(result: page.Page, record: Mapping[str, Any]) -> None:
    rows = []
    for row in record["rows"]:
        for column in record["columns"]:
            found = row["scores"][column["name"]]
            for run in found["seeds"]:
                value = f"{100 * run['metrics'][found['metric']]:.2f}"
                rows.append([row["title"], column["title"], str(run["seed"]), value, run["stuck"] or ""])
    table = page.table(["row", "task", "seed", "score", ""], rows, right=(2, 3))
    result.section("Every run", "", page.details(f"{len(rows)} runs", table))
