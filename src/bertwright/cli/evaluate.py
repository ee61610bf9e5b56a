"""``bertwright evaluate``: a fine-tuned model's score on labelled rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import (
    ColumnNames,
    Common,
    Device,
    LabelColumn,
    PairColumn,
    PrecisionChoice,
    Share,
    TableFormat,
    TextColumn,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bertwright.cli.console import Console
    from bertwright.tables.columns import Columns
    from bertwright.tasks.evaluation import Evaluation
    from bertwright.tasks.precision import PrecisionName

MOST_LABELS, WORST, LONGEST = 20, 3, 100
"""Labels, mistakes, and characters of a text that are shown."""


def evaluate(
    model: Annotated[Path, Parameter(help="A fine-tuned model folder.")],
    file: Annotated[Path, Parameter(help="Labelled rows: .tsv, .csv, .jsonl or .parquet.")],
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Every row's answer and label, as JSON lines.")
    ] = None,
    report: Annotated[Path | None, Parameter(help="A page about all of it, as HTML.")] = None,
    compare: Annotated[
        Path | None, Parameter(help="Another model of the same task: do the two differ by more than chance?")
    ] = None,
    confidence: Annotated[Share, Parameter(help="Of the intervals; a test's level is what is left.")] = 0.95,
    text: TextColumn = None,
    text_pair: PairColumn = None,
    label: LabelColumn = None,
    columns: ColumnNames = None,
    format: TableFormat = "auto",
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT and REPORT.")] = False,
    device: Device = "auto",
    precision: Annotated[
        PrecisionChoice | None,
        Parameter(
            help="Of MODEL's matrix products, as `predict` has it; by default fp32 (int8 of graphs that are)."
        ),
    ] = None,
    common: Common = Common(),
) -> None:
    """Score a fine-tuned model on labelled rows, with intervals and the worst mistakes.

    Columns are those that the model was trained with unless they are named here. With --compare every
    difference of MODEL less the other model is given with its interval and a paired test; the third line
    says what int8 costs.

        bertwright evaluate classifier test.tsv --report evaluation.html
        bertwright evaluate classifier test.tsv --compare other-classifier
        bertwright evaluate classifier test.tsv --precision int8 --compare classifier
    """
    from bertwright.cli.console import Console
    from bertwright.durable import check_new_file, same_place
    from bertwright.errors import UsageError
    from bertwright.tables.columns import Columns

    outputs = [path for path in (output, report) if path is not None]
    with Console(common) as console:
        for path in outputs:
            if same_place(path, file):
                raise UsageError.at(path, "an output other than the input")
            check_new_file(path, overwrite)
        if len(outputs) == 2 and same_place(*outputs):
            raise UsageError.at(outputs[0], "two outputs for --output and --report", "the same file twice")
        chosen = Columns.of(text, text_pair, label, names=columns)
        if compare is not None:
            if outputs:
                raise UsageError("--compare: expected no --output or --report beside it")
            _compare(console, model, compare, file, chosen, format, confidence, device, precision)
            return
        from bertwright.tasks.evaluation import evaluate as run
        from bertwright.tasks.precision import remark_on

        result = run(
            model,
            file,
            columns=chosen,
            format=format,
            confidence=confidence,
            device=device,
            precision=precision,
            progress=console,
        )
        for warning in result.warnings:
            console.warn(warning)
        if remark := remark_on(precision):
            console.say(remark)
        _write(result, model, file, output, report, overwrite)
        written = {"output": output, "report": report}
        names = {name: None if path is None else str(path) for name, path in written.items()}
        console.result(result.to_dict() | names, [*_shown(result), *map(str, outputs)])


def _write(
    result: Evaluation, model: Path, file: Path, output: Path | None, report: Path | None, overwrite: bool
) -> None:
    from bertwright.durable import write_file

    if output is not None:
        write_file(output, result.to_json_lines(), overwrite=overwrite)
    if report is not None:
        from bertwright.reports.evaluation_report import render_evaluation

        write_file(report, render_evaluation(result, model, file), overwrite=overwrite)


def _compare(
    console: Console,
    model: Path,
    other: Path,
    file: Path,
    columns: Columns,
    format: str,
    confidence: float,
    device: str,
    precision: PrecisionName | None,
) -> None:
    from bertwright.tasks.paired import compare

    result = compare(
        model,
        other,
        file,
        columns=columns,
        format=format,
        confidence=confidence,
        device=device,
        precision=precision,
        progress=console,
    )
    found = result.to_dict()
    for warning in found["warnings"]:
        console.warn(warning)
    cut = f"{result.one.truncated:,} and {result.other.truncated:,} of {result.one.rows:,} rows were cut"
    sides = [f"{model} ({found['precision']})", f"{other} ({found['other_precision']})"]
    console.result(
        found | {"model": str(model), "other": str(other), "output": None},
        [f"{' against '.join(sides)}, {result.one.rows:,} rows", *result.sentences(), cut],
    )


def _shown(result: Evaluation) -> list[RenderableType]:
    from bertwright.cli.console import table
    from bertwright.errors import shortened

    spread = f"{100 * result.confidence:.3g} % interval"
    rows = []
    for name, value in result.metrics.items():
        bounds = result.intervals.get(name)
        rows.append([name, f"{value:.4f}", f"{bounds.low:.4f} to {bounds.high:.4f}" if bounds else ""])
    parts: list[RenderableType] = [
        table(f"{result.kind}, {result.rows:,} rows", ["metric", "value", spread], rows, right=[1, 2])
    ]
    analysis = result.analysis
    if len(analysis.labels) > 1:
        labels = [
            [s.label, f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.f1:.3f}", f"{s.support:,}"]
            for s in analysis.labels
        ]
        columns = ["label", "precision", "recall", "F1", "rows"]
        parts.append(table("", columns, labels[:MOST_LABELS], right=[1, 2, 3, 4]))
        if labels[MOST_LABELS:]:
            parts.append(f"{len(labels) - MOST_LABELS} more labels: --json or --report shows them")
    if analysis.mistakes:
        columns = ["line", "text", "true", "given", analysis.badness_name]
        worst = [
            [m.line, *(shortened(text, LONGEST) for text in (m.text, m.truth, m.answer)), f"{m.badness:.3g}"]
            for m in analysis.mistakes[:WORST]
        ]
        title = f"{analysis.wrong:,} of {result.rows:,} are wrong; the worst"
        title = "the worst answers" if analysis.right is None else title
        parts.append(table(title, columns, worst, right=[0, 4]))
    cut = f"{result.truncated:,} of {result.rows:,} rows were cut"
    parts.append(f"{cut}; {result.seconds:,.1f} s, {result.precision}")
    return parts
