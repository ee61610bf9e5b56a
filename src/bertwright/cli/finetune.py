"""``bertwright finetune``: a pre-trained model and labelled rows -> a model for a task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Count, LabelColumn, PairColumn, TableFormat, TextColumn, Whole
from bertwright.cli.recipe_flags import RecipeFlags
from bertwright.errors import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bertwright.cli.console import Console
    from bertwright.tasks.summary import FinetuneSummary


def finetune(
    model: Annotated[Path, Parameter(help="The pre-trained model folder.")],
    /,
    *,
    task: Annotated[
        str, Parameter(help="The kind of task: classify, regress, tag, answer, choose; or a name as MRPC.")
    ],
    train: Annotated[Path, Parameter(help="Labelled rows: .tsv, .csv, .jsonl or .parquet.")],
    dev: Annotated[Path, Parameter(help="Labelled rows that decide which epoch and seed is best.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The model folder to be made.")],
    report: Annotated[
        Path | None, Parameter(help="A page about the model and its mistakes on DEV, as HTML.")
    ] = None,
    text: TextColumn = None,
    text_pair: PairColumn = None,
    label: LabelColumn = None,
    columns: Annotated[
        str | None, Parameter(help="Names for the columns of files without header, separated by commas.")
    ] = None,
    format: TableFormat = "auto",
    seeds: Annotated[Count, Parameter(help="How many runs; the best is saved, the spread is shown.")] = 1,
    seed: Annotated[Whole, Parameter(help="The first of them.")] = 0,
    search: Annotated[bool, Parameter(help="First try the grid of rates, batch sizes and epochs.")] = False,
    recipe: RecipeFlags = RecipeFlags(),
    resume: Annotated[bool, Parameter(help="Go on with work that was interrupted.")] = False,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT, and unfinished work.")] = False,
    common: Common = Common(),
) -> None:
    """Fine-tune a pre-trained model on labelled rows: single texts, or pairs with --text-pair.

    Columns are guessed where there is only one way to read the file, and the guess is said. The output is a
    model folder with its labels, for evaluate and predict, and for transformers. Interrupted work is kept
    beside it and taken up with --resume, exactly.

        bertwright finetune MODEL --task classify --train train.tsv --dev dev.tsv --seeds 3 -o classifier
    """
    from bertwright.cli.console import Console
    from bertwright.tables.columns import Columns
    from bertwright.tasks.finetuning import finetune as run

    settings = recipe.settings()
    with Console(common) as console:
        _check_report(report, (model, train, dev, output), overwrite)
        summary = run(
            model,
            kind=task,
            train=train,
            dev=dev,
            output=output,
            columns=Columns.of(text, text_pair, label, names=columns),
            settings=settings,
            seeds=range(seed, seed + seeds),
            format=format,
            search=search,
            resume=resume,
            overwrite=overwrite,
            progress=console,
        )
        if report is not None:
            _write_report(report, output, dev, format, settings.device, overwrite, console)
        written = {"report": None if report is None else str(report)}
        console.result(summary.to_dict() | written, [*_shown(summary), *filter(None, written.values())])


def _check_report(report: Path | None, others: Sequence[Path], overwrite: bool) -> None:
    from bertwright.durable import check_new_file, same_place
    from bertwright.errors import UsageError

    if report is None:
        return
    if any(same_place(report, path) for path in others):
        raise UsageError.at(report, "a report other than the inputs and the output")
    check_new_file(report, overwrite)


def _write_report(
    report: Path, output: Path, dev: Path, format: str, device: str, overwrite: bool, console: Console
) -> None:
    """What the saved model does on the development rows."""
    from bertwright.durable import write_file
    from bertwright.reports.evaluation_report import render_evaluation
    from bertwright.tasks.evaluation import evaluate

    found = evaluate(output, dev, format=format, device=device, progress=console)
    write_file(report, render_evaluation(found, output, dev), overwrite=overwrite)


def _shown(summary: FinetuneSummary) -> list[RenderableType]:
    cut = f"{summary.train_truncated:,} of {counted(summary.train_rows, 'training row')}"
    cut += f" and {summary.truncated:,} of {counted(summary.rows, 'development row')} were cut"
    epochs = counted(summary.num_epochs, "epoch")
    recipe = f"batches of {summary.batch_size}, {epochs}, rate {summary.learning_rate:g}"
    return [
        *([_points(summary)] if summary.points else []),
        _seeds(summary),
        _metrics(summary),
        f"{cut}; {recipe}; {summary.seconds:,.0f} s",
        f"{summary.output}",
    ]


def _points(summary: FinetuneSummary) -> RenderableType:
    """One row a point of the search."""
    from bertwright.cli.console import table

    rows = []
    for point in summary.points:
        values = point.to_dict()
        figure = "diverged" if point.run is None else f"{point.run.metrics[summary.metric]:.4f}"
        rows.append([values["epochs"], values["batch_size"], f"{values['learning_rate']:g}", figure])
    columns = ["epochs", "batch size", "learning rate", summary.metric]
    return table("search", columns, rows, right=[0, 1, 2, 3])


def _seeds(summary: FinetuneSummary) -> RenderableType:
    """One row a run: which epoch was best, and what there is to say about it."""
    from bertwright.cli.console import table

    rows = []
    for run in summary.runs:
        remarks = ["saved"] if run is summary.best else []
        remarks += ["chosen by the search"] if run not in summary.unchosen else []
        remarks += [f"attempt {run.attempts}"] if run.attempts > 1 else []
        remarks += [run.stuck] if run.stuck else []
        figures = [f"{run.metrics[name]:.4f}" for name in (summary.metric, "loss")]
        rows.append([run.seed, f"{run.epoch:g}", *figures, ", ".join(remarks)])
    columns = ["seed", "best epoch", summary.metric, "loss", ""]
    title = f"{summary.kind}, {counted(summary.train_rows, 'training row')}"
    return table(title, columns, rows, right=[0, 1, 2, 3])


def _metrics(summary: FinetuneSummary) -> RenderableType:
    """One row a metric: the saved model, the usual seeds, and what is reached without the text."""
    from bertwright.cli.console import table

    several = len(summary.unchosen) > 1
    rows = []
    for name, spread in summary.spread.items():
        figures = [f"{summary.metrics[name]:.4f}"]
        if several:
            deviation = f"{spread.deviation:.4f}"
            figures += [f"{spread.mean:.4f}", deviation, f"{spread.lowest:.4f}–{spread.highest:.4f}"]
        figures.append(f"{summary.baseline[name]:.4f}" if name in summary.baseline else "")
        rows.append([name, *figures])
    columns = ["metric", "saved", *(["mean", "sd", "range"] if several else []), "majority"]
    title = counted(summary.rows, "development row")
    return table(title, columns, rows, right=list(range(1, len(columns))))
