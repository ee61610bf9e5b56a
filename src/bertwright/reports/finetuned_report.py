"""The page about a fine-tuned folder from what is stored in it alone; nothing is evaluated."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bertwright
from bertwright.checkpoints.members import MANIFEST_NAME
from bertwright.checkpoints.model_folder import open_model
from bertwright.durable import write_file
from bertwright.errors import InputError, shown_path
from bertwright.reports import page
from bertwright.reports.finetuning_section import finetuning_section

REPORT = "report.html"
HEADLINE = 4
"""Metrics with a card of their own."""


def is_model(path: Path) -> bool:
    """Whether ``path`` is a model folder rather than a run."""
    return (path / MANIFEST_NAME).exists() and (path / "config.json").exists()


def write_model_report(model: Path, output: Path | None = None) -> Path:
    """Write (or rewrite) the HTML report of the fine-tuned folder ``model``.

    Args:
        output: the file to write; ``model/report.html`` when None. It is no part of what the folder's digests
            vouch for.

    Raises:
        InputError: ``model`` was not fine-tuned here.
        DiskError: the page could not be written.
    """
    folder = open_model(model)
    provenance = folder.provenance
    if folder.task is None or not provenance.get("seeds"):
        run = model.absolute().parent
        hint = f"give {shown_path(run)}" if (run / "metrics.jsonl").exists() else None
        expected = "a fine-tuned model, or a run's own folder"
        raise InputError.at(model, expected, "a model with no record of its fine-tuning", hint=hint)
    target = output or model / REPORT
    write_file(target, _render(model, folder.task, provenance), overwrite=True)
    return target


def _render(model: Path, task: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    name = model.resolve().name
    result = page.Page(f"{name}: {task.get('kind')}, fine-tuned", subtitle(str(model)))
    metrics: Mapping[str, float] = task.get("metrics") or {}
    dev = provenance.get("dev") or {}
    if metrics:
        figures = [(f"{metrics[key]:.4f}", key) for key in headline_metrics(metrics, task.get("metric"))]
        rows = f"{dev.get('rows', 0):,} rows of {dev.get('file')}"
        figures.append((f"{dev.get('truncated', 0):,}", f"of {dev.get('rows', 0):,} rows were cut"))
        text = f"On the {rows}, by which the saved weights were chosen: other rows may give less."
        table = page.table(["metric", "value"], [[k, f"{v:.4f}"] for k, v in metrics.items()], right=(1,))
        result.section("How good it is", text, page.cards(figures), table)
    finetuning_section(result, task, provenance)
    asked = f"bertwright evaluate {shlex.quote(str(model))} TEST_FILE --report evaluation.html"
    result.section(
        "What next",
        "Intervals, confusions, calibration and mistakes on rows of your own:",
        page.commands([asked]),
    )
    return result.render()


def subtitle(*parts: str) -> str:
    """What stands under a page's title."""
    return " · ".join([*parts, f"bertwright {bertwright.__version__}"])


def headline_metrics(metrics: Mapping[str, float], decided: object) -> list[str]:
    """Names of the metrics with cards: the one that decided first, no loss."""
    names = [name for name in metrics if name != "loss"]
    if isinstance(decided, str) and decided in names:
        names.remove(decided)
        names.insert(0, decided)
    return names[:HEADLINE]
