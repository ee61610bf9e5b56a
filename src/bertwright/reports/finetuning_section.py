"""How a fine-tuned model came about, from what is stored with it: seeds, curves, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bertwright.reports import page
from bertwright.reports.curves import Line, draw
from bertwright.reports.drawing import BLUE, GREEN, GREY, ORANGE

COLORS = (BLUE, ORANGE, GREEN, "#8b4fb5", "#b3401f", GREY)


def finetuning_section(result: page.Page, task: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
    """Add the section, where the folder says that it was fine-tuned here."""
    seeds: Sequence[Mapping[str, Any]] = provenance.get("seeds") or ()
    metric = task.get("metric")
    if not seeds or not isinstance(metric, str):
        return
    searched = bool(provenance.get("search"))
    parts = [_seeds(seeds, metric, provenance.get("best_seed"), searched)]
    if curves := _curves(seeds, metric):
        parts.append(page.figures(curves))
    if points := provenance.get("search"):
        parts.append(page.details(f"Search: {len(points)} points", _search(points, metric)))
    settings = provenance.get("settings") or {}
    rows = [[str(name), str(value)] for name, value in settings.items()]
    parts.append(page.details("Settings", page.table(["setting", "value"], rows)))
    result.section("How it was trained", _story(metric, provenance), *parts)


def _story(metric: str, provenance: Mapping[str, Any]) -> str:
    train, dev = provenance.get("train") or {}, provenance.get("dev") or {}
    said = []
    for what, part in (("Trained on", train), ("chosen on", dev)):
        if part:
            cut = f", {part['truncated']:,} of them cut" if part.get("truncated") else ""
            said.append(f"{what} {part.get('file')} ({part.get('rows', 0):,} rows{cut})")
    baseline = provenance.get("baseline") or {}
    text = "; ".join(said) + f", by {metric}."
    if metric in baseline:
        text += f" Without looking at the text one reaches {baseline[metric]:.4f}."
    return text


def _seeds(seeds: Sequence[Mapping[str, Any]], metric: str, best: Any, searched: bool) -> str:
    rows = []
    for number, run in enumerate(seeds):
        saved = "saved" if run["seed"] == best else ""
        chosen = "chosen by the search" if searched and number == 0 else ""
        again = f"attempt {run['attempts']}" if run.get("attempts", 1) > 1 else ""
        remarks = ", ".join(filter(None, [saved, chosen, again, run.get("stuck")]))
        figures = [f"{run['metrics'][name]:.4f}" for name in (metric, "loss")]
        rows.append([str(run["seed"]), f"{run['epoch']:g}", *figures, remarks])
    places = [number for number, run in enumerate(seeds) if run["seed"] == best]
    return page.table(
        ["seed", "best epoch", metric, "loss", ""],
        rows,
        right=(0, 1, 2, 3),
        best=places[0] if places else None,
    )


def _search(points: Sequence[Mapping[str, Any]], metric: str) -> str:
    names = [name for name in points[0] if name != "metrics"]
    rows = []
    for point in points:
        figure = f"{point['metrics'][metric]:.4f}" if point["metrics"] else "diverged"
        rows.append([*(f"{point[name]:g}" for name in names), figure])
    return page.table(
        [*(name.replace("_", " ") for name in names), metric], rows, right=range(len(names) + 1)
    )


def _curves(seeds: Sequence[Mapping[str, Any]], metric: str) -> list[tuple[str, str]]:
    """Metric and loss on the development rows, one line a seed."""
    drawings = []
    for name in (metric, "loss"):
        lines = []
        for number, run in enumerate(seeds):
            values = [epoch[name] for epoch in run.get("epochs") or () if name in epoch]
            color = COLORS[number % len(COLORS)]
            places = range(1, len(values) + 1)
            if values:
                lines.append(Line(f"seed {run['seed']}", list(places), values, color, marker=True))
        if lines and max(len(line.x) for line in lines) > 1:
            title = f"Development {name.replace('_', ' ')}"
            drawings.append((draw(title, lines, x_label="evaluation"), ""))
    return drawings
