"""Sections of a model card: figures, data, recipe and environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from bertwright.checkpoints.card_text import fenced, finite, number, plain, table
from bertwright.data.objectives import measured_words

_LENGTHS = ("steps", "tokens", "seconds", "parameters", "precision")
_ORIGINS = {
    "from_model": "Adapted from the model",
    "converted_from": "Converted from",
    "extended_from": "Vocabulary extended from",
}


def data(provenance: Mapping[str, Any]) -> list[str]:
    """Which text or rows it learned from."""
    lines: list[str] = []
    rows = []
    for part, title in (("train", "training"), ("dev", "development")):
        entry = provenance.get(part)
        if isinstance(entry, Mapping):
            rows.append((title, entry.get("file"), entry.get("rows"), entry.get("truncated")))
    if rows:
        lines += table(["", "file", "rows", "rows that were cut"], rows)
    store = provenance.get("data")
    if isinstance(store, Mapping):
        lines += table(["", ""], [(name, value) for name, value in store.items()])
    for name, title in _ORIGINS.items():
        if (origin := provenance.get(name)) is not None:
            lines += [f"{title} {_origin(origin)}.", ""]
    return ["## Data", "", *lines] if lines else []


def _origin(origin: object) -> str:
    if not isinstance(origin, Mapping):
        return plain(origin)
    parts = [plain(origin.get("name", "a model"))]
    parts += [
        f"{plain(name)} {number(origin[name])}" for name in ("format", "added", "digest") if name in origin
    ]
    return ", ".join(parts)


def figures(task: Mapping[str, Any] | None, provenance: Mapping[str, Any]) -> list[str]:
    """Held-out figures of pre-training, development figures of fine-tuning with their spread over seeds."""
    lines = _pretraining(provenance.get("training")) + _finetuning(task or {}, provenance)
    return ["## Figures", "", *lines] if lines else []


def _pretraining(training: object) -> list[str]:
    if not isinstance(training, Mapping) or (words := measured_words(training)) is None:
        return []
    baselines = training.get("baselines") or {}
    rows: list[Sequence[object]] = [
        (name.replace("_", " "), found.get("accuracy"), found.get("loss"))
        for name, found in baselines.items()
        if isinstance(found, Mapping)
    ]
    rows.append(("this model", training.get(words.figure("accuracy")), training[words.figure("loss")]))
    asked = f"{words.guessed.capitalize()} of held-out documents:"
    lines = [asked, "", *table(["", "right", "loss (nats)"], rows)]
    if training.get("nsp_accuracy") is not None:
        always = training.get("nsp_majority")
        told = "" if always is None else f" ({number(always)} by always saying the same)"
        lines += [f"Pairs of sentences told apart: {number(training['nsp_accuracy'])}{told}.", ""]
    lengths = [(name, training[name]) for name in _LENGTHS if name in training]
    return [*lines, *table(["length", ""], lengths)]


def _finetuning(task: Mapping[str, Any], provenance: Mapping[str, Any]) -> list[str]:
    metrics = finite(task.get("metrics"))
    if not metrics:
        return []
    seeds = [finite(run.get("metrics")) for run in _mappings(provenance.get("seeds"))]
    if provenance.get("search"):  # the first was chosen for its figures
        seeds = seeds[1:] or seeds
    baseline = finite(provenance.get("baseline"))
    rows = []
    for name, value in metrics.items():
        found = [run[name] for run in seeds if name in run]
        spread = f"{fmean(found):.4f} ± {stdev(found):.4f}" if len(found) > 1 else "one seed"
        rows.append((name, value, spread, baseline.get(name, "")))
    seed = provenance.get("best_seed")
    said = "Development rows" + (f"; the model is that of seed {number(seed)}" if seed is not None else "")
    if task.get("metric"):
        said += f", chosen by {plain(task['metric'])}"
    columns = ["", "this model", f"mean ± deviation over {max(len(seeds), 1)} seeds", "baseline"]
    return [f"{said}:", "", *table(columns, rows)]


def recipe(provenance: Mapping[str, Any]) -> list[str]:
    """All settings, folded away."""
    settings = provenance.get("settings")
    if not isinstance(settings, Mapping) or not settings:
        return []
    return [
        "## Recipe",
        "",
        "<details><summary>all settings</summary>",
        "",
        *fenced(settings),
        "</details>",
        "",
    ]


def environment(provenance: Mapping[str, Any]) -> list[str]:
    """Versions, threads, processor."""
    found = provenance.get("environment")
    if not isinstance(found, Mapping) or not found:
        return []
    return ["## Environment", "", *table(["", ""], [(name, value) for name, value in found.items()])]


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
