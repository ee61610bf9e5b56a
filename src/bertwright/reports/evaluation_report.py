"""The page about a fine-tuned model: how good it is, how sure that is, and where it goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bertwright.errors import shortened
from bertwright.reports import page
from bertwright.reports.confusion_table import MOST_LABELS, confusion_table, confusions
from bertwright.reports.evaluation_charts import by_group, reliability, scatter
from bertwright.reports.finetuned_report import headline_metrics, subtitle
from bertwright.reports.finetuning_section import finetuning_section
from bertwright.tasks.analysis import Analysis, Mistake
from bertwright.tasks.evaluation import Evaluation

LONGEST_TEXT = 400
"""Characters of a mistake's text that are shown."""
BESIDE = 5
"""Labels of a confusion matrix that leaves room for something beside it."""
MISTAKES_SHOWN = 20
"""The others are folded."""


def render_evaluation(evaluation: Evaluation, model: Path, file: Path) -> str:
    """The page as HTML text: what came out, and how the model was made."""
    title = f"{model.resolve().name}: {evaluation.kind}, evaluated"
    result = page.Page(
        title, subtitle(str(model), str(file), f"{evaluation.rows:,} rows", evaluation.precision)
    )
    _headline(result, evaluation)
    if evaluation.warnings:
        _warnings(result, evaluation.warnings)
    _analysis(result, evaluation, evaluation.analysis)
    finetuning_section(result, evaluation.task, evaluation.provenance)
    return result.render()


def _headline(result: page.Page, evaluation: Evaluation) -> None:
    spread = f"{100 * evaluation.confidence:.3g} %"
    figures = []
    for name in headline_metrics(evaluation.metrics, evaluation.task.get("metric")):
        bounds = evaluation.intervals.get(name)
        between = f" ({spread}: {bounds.low:.3f} to {bounds.high:.3f})" if bounds else ""
        figures.append((f"{evaluation.metrics[name]:.3f}", f"{name}{between}"))
    figures.append((f"{evaluation.truncated:,}", f"of {evaluation.rows:,} rows were cut to fit the model"))
    rows = []
    for name, value in evaluation.metrics.items():
        bounds = evaluation.intervals.get(name)
        rows.append([name, f"{value:.4f}", f"{bounds.low:.4f} to {bounds.high:.4f}" if bounds else ""])
    result.section(
        "How good it is",
        f"With {spread} intervals: where the figure would lie for other rows of the same kind "
        "(bootstrap over rows).",
        page.cards(figures),
        page.details(
            "All metrics", page.table(["metric", "value", f"{spread} interval"], rows, right=(1, 2))
        ),
    )


def _warnings(result: page.Page, warnings: Sequence[str]) -> None:
    result.section("Odd about the data", "", page.notes(warnings))


def _analysis(result: page.Page, evaluation: Evaluation, analysis: Analysis) -> None:
    if analysis.confusion is not None and len(analysis.confusion.labels) > 1:
        text = "The darker a cell, the larger its share of the rows with that true label."
        if len(analysis.confusion.labels) > MOST_LABELS:
            text += f" Of {len(analysis.confusion.labels)} labels the {MOST_LABELS} most confused."
        parts = [confusion_table(analysis.confusion), confusions(analysis.confusion)]
        beside = len(analysis.confusion.labels) <= BESIDE  # a larger one takes the whole width
        shown = page.columns([part for part in parts if part]) if beside else "".join(parts)
        result.section("What is taken for what", text, shown)
    if analysis.labels:
        _labels(result, analysis)
    _sureness(result, analysis)
    _groups(result, evaluation, analysis)
    _mistakes(result, evaluation, analysis)


def _labels(result: page.Page, analysis: Analysis) -> None:
    rows = [
        [s.label, f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.f1:.3f}", f"{s.support:,}", f"{s.given:,}"]
        for s in analysis.labels
    ]
    columns = ["label", "precision", "recall", "F1", "true", "given"]
    result.section("Label by label", "", page.table(columns, rows, right=(1, 2, 3, 4, 5)))


def _sureness(result: page.Page, analysis: Analysis) -> None:
    if analysis.calibration is not None:
        found = analysis.calibration
        figures = [
            (f"{found.expected_error:.3f}", "expected calibration error (0 is best)"),
            (f"{found.brier:.3f}", "Brier score (0 is best)"),
            (
                f"{found.confidence:.1%}",
                f"mean confidence; {found.accuracy:.1%} of {found.of} are {found.counted}",
            ),
        ]
        caption = f"On the dashed line {found.of} are {found.counted} as often as the model says."
        drawn = page.figures([(reliability(found), caption)])
        result.section("Is it as sure as it is right?", "", page.columns([drawn, page.cards(figures)]))
    if analysis.truth_and_answer is not None:
        result.section("Predicted against true", "", page.figures([(scatter(analysis.truth_and_answer), "")]))


def _groups(result: page.Page, evaluation: Evaluation, analysis: Analysis) -> None:
    """Where all examples are in one group there is nothing to compare."""
    told = [part for part in evaluation.breakdowns if len(part.groups) > 1]
    percent = analysis.truth_and_answer is None
    drawn = page.figures([(by_group(part, analysis.score_name, percent=percent), "") for part in told])
    single = evaluation.truncated in (0, evaluation.rows)
    text = f"Cut to fit the model: {evaluation.truncated:,} of {evaluation.rows:,} rows"
    text += ", so there is nothing to compare by truncation." if single else "."
    result.section("Where it is better and worse", text, drawn if told else "")


def _mistakes(result: page.Page, evaluation: Evaluation, analysis: Analysis) -> None:
    if not analysis.mistakes:
        result.section("The worst mistakes", "None: every answer is right.")
        return
    shown = _mistake_list(analysis.mistakes[:MISTAKES_SHOWN], analysis.badness_name)
    if rest := analysis.mistakes[MISTAKES_SHOWN:]:
        shown += page.details(f"{len(rest)} more", _mistake_list(rest, analysis.badness_name))
    order = f"the worst by {analysis.badness_name} first"
    if analysis.right is None:  # every answer is more or less off
        result.section("The worst answers", f"{order.capitalize()}.", shown)
        return
    text = f"{analysis.wrong:,} of {evaluation.rows:,} answers are wrong; {order}."
    result.section("The worst mistakes", text, shown)


def _mistake_list(mistakes: Sequence[Mistake], badness: str) -> str:
    parts = []
    for mistake in mistakes:
        parts_told = (mistake.text, mistake.truth, mistake.answer)
        text, truth, answer = (shortened(part, LONGEST_TEXT) for part in parts_told)
        facts = [("true", truth), ("given", answer)]
        if mistake.confidence is not None:
            facts.append(("sure", f"{mistake.confidence:.1%}"))
        facts += [(badness, f"{mistake.badness:.3g}"), ("line", f"{mistake.line:,}")]
        parts.append(page.remark(text, facts))
    return "".join(parts)
