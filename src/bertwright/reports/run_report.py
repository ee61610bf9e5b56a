"""The report of a pre-training run: what was learned, how it went, what the model does now."""

from __future__ import annotations

import itertools
import shlex
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bertwright.config.settings import leaves
from bertwright.data.objectives import NEXT_SENTENCE, WordsName
from bertwright.durable import write_file
from bertwright.errors import encodable
from bertwright.pretraining.filled_blank import FilledBlank
from bertwright.reports import page
from bertwright.reports.curves import Level, Line, draw, smoothed
from bertwright.reports.drawing import BLUE, GREEN, GREY, ORANGE
from bertwright.reports.run_records import Adaptation, RunRecords, read_run

REPORT = "report.html"
BLANKS_SHOWN = 6
"""Filled blanks that are not folded."""

_USES: dict[WordsName, tuple[str, str]] = {
    "mlm": ('fill-mask {} "…the [MASK] of…"', ""),
    "clm": ('generate {} "Once upon a time"', ""),
    "bilm": ("score {} sentences.txt -o scores.jsonl", " --method features"),
}
"""What the finished model is asked first, and how it is adapted."""


def write_report(
    run: Path,
    output: Path | None = None,
    *,
    vocabulary: Path | None = None,
    adaptation: Adaptation | None = None,
) -> Path:
    """Write (or rewrite) the HTML report of the run folder ``run``.

    Args:
        output: the file to write; ``run/report.html`` when None.
        vocabulary: ``report.json`` of the vocabulary folder, to be shown too.
        adaptation: results of adapting the model to a task, when there are any.

    Returns:
        The file written: one page that needs nothing else and no network.

    Raises:
        InputError: ``run`` is not a run folder.
        DiskError: the page could not be written.
    """
    target = output or run / REPORT
    write_file(target, render(read_run(run, vocabulary), adaptation), overwrite=True)
    return target


def render(run: RunRecords, adaptation: Adaptation | None = None) -> str:
    """The page as HTML text."""
    result = page.Page("A BERT of your own", _subtitle(run))
    _headline(result, run, adaptation)
    if run.blanks:
        _blanks(result, run.blanks)
    if adaptation:
        _adaptation(result, adaptation)
    if run.training:
        _curves(result, run)
    if run.vocabulary:
        _vocabulary(result, run.vocabulary)
    _settings(result, run)
    return result.render()


def _subtitle(run: RunRecords) -> str:
    steps = run.training[-1]["step"] if run.training else 0
    shown = [encodable(str(run.path)), f"{steps:,} steps"]
    if version := run.facts.get("version"):
        shown.append(f"bertwright {version}")
    return " · ".join(shown)


def _headline(result: page.Page, run: RunRecords, adaptation: Adaptation | None) -> None:
    figures: list[tuple[str, str]] = []
    if run.evaluations:
        last, words = run.evaluations[-1], run.asks.words
        accuracy, perplexity = (last.get(words.figure(name)) for name in ("accuracy", "perplexity"))
        if accuracy is not None:
            figures.append((f"{accuracy:.1%}", f"of the {words.guessed} of held-out text guessed exactly"))
        if perplexity is not None:
            kind = words.title[0].lower() + words.title[1:]
            figures.append((f"{perplexity:,.1f}", f"{kind} perplexity on held-out text"))
        if last.get("nsp_accuracy") is not None:
            always = last.get("nsp_majority")
            told = "" if always is None else f" ({always:.1%} by always saying the same)"
            title = (run.asks.pairs or NEXT_SENTENCE).title
            figures.append((f"{last['nsp_accuracy']:.1%}", f"of {title} questions answered right{told}"))
    if run.training:
        tokens = sum(record.get("tokens", 0) for record in run.training[-1:])
        seconds = run.training[-1].get("seconds")
        if seconds:
            figures.append((_duration(seconds), f"of training, {tokens / 1e6:,.1f} million tokens read"))
    if adaptation:
        best = max(adaptation.rows, key=lambda row: statistics.mean(row.scores))
        figures.append(
            (f"{statistics.mean(best.scores):.1%}", f"{adaptation.metric} on the task: {best.method}")
        )
    if not figures:
        return
    title, text = "What came out", "Measured on text that the model never saw in training."
    if not run.summary:
        title = "How far it is"
        text = f"{text} The run is not finished: `bertwright pretrain --resume` goes on with it."
    result.section(title, text, page.cards(figures))


def _blanks(result: page.Page, blanks: Sequence[FilledBlank]) -> None:
    parts = [page.blank(b.before, b.truth, b.after, b.guesses) for b in blanks]
    shown = page.columns(parts[:BLANKS_SHOWN])
    if parts[BLANKS_SHOWN:]:
        shown += page.details(f"{len(parts) - BLANKS_SHOWN} more", page.columns(parts[BLANKS_SHOWN:]))
    result.section(
        "Fill in the blank",
        "Held-out sentences with one word hidden (marked). Bars: the model's best guesses; green is right.",
        shown,
    )


def _adaptation(result: page.Page, adaptation: Adaptation) -> None:
    means = [statistics.mean(row.scores) for row in adaptation.rows]
    rows = [
        [
            row.method,
            f"{mean:.1%}",
            f"± {statistics.stdev(row.scores):.1%}" if len(row.scores) > 1 else "",
            ", ".join(f"{score:.1%}" for score in row.scores),
        ]
        for row, mean in zip(adaptation.rows, means, strict=True)
    ]
    result.section(
        "Learning a task",
        f"{adaptation.task} {adaptation.metric.capitalize()}, mean and standard deviation over seeds.",
        page.table(
            ["way", "mean", "spread", "seeds"],
            rows,
            right=(1, 2),
            best=max(range(len(means)), key=means.__getitem__),
        ),
    )


def _curves(result: page.Page, run: RunRecords) -> None:
    breaks = _phase_starts(run.training)
    drawings = [_loss_curve(run, breaks), _accuracy_curve(run, breaks), _next_sentence_curve(run, breaks)]
    for name, title, caption in (
        ("learning_rate", "Learning rate", "Linear warm-up, then linear decay."),
        ("tokens_per_second", "Tokens a second", "Throughput while training."),
    ):
        steps, values = _series(run.training, name)
        if values:
            drawings.append((draw(title, [Line(title, steps, values)], breaks=breaks), caption))
    result.section("How it went", "", page.figures([d for d in drawings if d is not None]))


def _loss_curve(run: RunRecords, breaks: Sequence[float]) -> tuple[str, str]:
    words = run.asks.words
    steps, losses = _series(run.training, words.figure("loss"))
    lines = [Line("raw", steps, losses, faint=True), Line("training (smoothed)", steps, smoothed(losses))]
    held_steps, held = _series(run.evaluations, words.figure("loss"))
    lines.append(Line("held-out", held_steps, held, ORANGE, marker=True))
    levels = [Level(f"{name}, held-out", b["loss"], c) for name, b, c in _baselines(run) if "loss" in b]
    caption = (
        f"Loss of the {words.guessed}, in nats. A long flat stretch at the start is the unigram plateau."
    )
    return draw(f"{words.title} loss", lines, levels, breaks=breaks), caption


def _accuracy_curve(run: RunRecords, breaks: Sequence[float]) -> tuple[str, str] | None:
    words = run.asks.words
    steps, values = _series(run.evaluations, words.figure("accuracy"))
    if not values:
        return None
    levels = [Level(name, b["accuracy"], c) for name, b, c in _baselines(run)]
    drawing = draw(
        f"{words.title} accuracy (held-out)",
        [Line("this model", steps, values, marker=True)],
        levels,
        percent=True,
        breaks=breaks,
    )
    return drawing, f"Share of {words.guessed} guessed exactly, beside guesses that need no network."


def _next_sentence_curve(run: RunRecords, breaks: Sequence[float]) -> tuple[str, str] | None:
    steps, values = _series(run.evaluations, "nsp_accuracy")
    if not values:
        return None
    lines = [Line("this model", steps, values, GREEN, marker=True)]
    always = run.evaluations[-1].get("nsp_majority")
    levels = [] if always is None else [Level("always the same answer", always)]
    pairs = run.asks.pairs or NEXT_SENTENCE
    title = f"{pairs.title.capitalize()} accuracy (held-out)"
    return draw(title, lines, levels, percent=True, breaks=breaks), pairs.asked


def _baselines(run: RunRecords) -> list[tuple[str, Mapping[str, Any], str]]:
    names = {
        "most_frequent": ("most frequent token", GREY),
        "bigram": ("bigram", BLUE),
        "neighbours": ("both neighbours", GREEN),
    }
    found = run.summary.get("baselines") or {}
    return [(names[key][0], found[key], names[key][1]) for key in names if key in found]


def _vocabulary(result: page.Page, report: Mapping[str, Any]) -> None:
    figures = [(f"{report['size']:,}", "pieces")]
    for key, form, name in (
        ("pieces_per_word", "{:.3f}", "pieces a word on held-out text"),
        ("unk_rate", "{:.4%}", "of the words unknown"),
        ("coverage", "{:.2%}", "of the words are one whole piece"),
    ):
        if report.get(key) is not None:
            figures.append((form.format(report[key]), name))
    parts = [page.cards(figures)]
    examples = report.get("segmentations") or report.get("examples") or []
    if examples:
        rows = [[str(word), " ".join(map(str, cut))] for word, cut in _pairs(examples)]
        parts.append(page.table(["word", "pieces"], rows))
    for key, name in (("longest", "Longest pieces"), ("rarest", "Rarest pieces"), ("alphabet", "Alphabet")):
        found = report.get(key)
        if isinstance(found, (list, tuple)) and found:
            shown = [str(item[0] if isinstance(item, (list, tuple)) else item) for item in found[:200]]
            parts.append(page.details(f"{name} ({len(found):,})", page.pieces(shown)))
    result.section("Vocabulary", "WordPieces learned from the same text.", *parts)


def _pairs(examples: Any) -> list[tuple[Any, Any]]:
    if isinstance(examples, Mapping):
        return list(examples.items())
    return [(e["word"], e["pieces"]) if isinstance(e, Mapping) else (e[0], e[1]) for e in examples]


def _settings(result: page.Page, run: RunRecords) -> None:
    flat = leaves(run.settings)
    if not flat:
        return
    rows = [[name, str(value)] for name, value in flat.items()]
    table = page.details(f"All {len(rows)} settings", page.table(["setting", "value"], rows))
    if not run.summary:  # there is no model yet
        result.section("Settings", "They reproduce the run.", table)
        return
    ask, way = _USES[run.asks.words.name]
    model = shlex.quote(f"{run.path}/model")
    files = "--train train.tsv --dev dev.tsv"
    lines = [
        f"bertwright {ask.format(model)}",
        f"bertwright finetune {model} --task classify{way} {files} -o my-task",
    ]
    text = "Type this to go on; the settings below reproduce the run."
    result.section("What next", text, page.commands(lines), table)


def _series(records: Sequence[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    pairs = [(float(r["step"]), float(r[name])) for r in records if isinstance(r.get(name), (int, float))]
    return [step for step, _ in pairs], [value for _, value in pairs]


def _phase_starts(records: Sequence[Mapping[str, Any]]) -> list[float]:
    starts = []
    for before, after in itertools.pairwise(records):
        if before.get("phase") != after.get("phase"):
            starts.append(float(after["step"]))
    return starts


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
