"""``bertwright predict``: the answers of a fine-tuned model for a whole file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import (
    ColumnNames,
    Common,
    Device,
    PairColumn,
    Precision,
    TableFormat,
    TextColumn,
)
from bertwright.cli.console import Console, pace
from bertwright.cli.engines import EngineName, RayAddress, chosen_engine

if TYPE_CHECKING:
    from bertwright.inference.prediction_file import PredictionSummary


def predict(
    model: Annotated[Path, Parameter(help="A fine-tuned model folder.")],
    file: Annotated[Path, Parameter(help="A table: .tsv, .csv, .jsonl, .parquet.")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="A .jsonl file.")],
    submission: Annotated[
        Path | None, Parameter(help="Also write the file that the task's official evaluation takes.")
    ] = None,
    text: TextColumn = None,
    text_pair: PairColumn = None,
    columns: ColumnNames = None,
    format: TableFormat = "auto",
    strict: Annotated[bool, Parameter(help="Refuse a file that has a row without a usable input.")] = False,
    resume: Annotated[bool, Parameter(help="Go on with work that was interrupted.")] = False,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT.")] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    common: Common = Common(),
) -> None:
    """Predict every row of a file, in its order, as JSON lines.

    Columns are those that the model was trained with unless they are named here. Rows that cannot be used
    go to a file of their own, beside OUTPUT; with --submission there may be none. Interrupted work is kept
    there, too, and taken up with --resume.

        bertwright predict MODEL reviews.tsv -o answers.jsonl
    """
    from bertwright.cli.loading import loaded
    from bertwright.inference.prediction_file import predict_file
    from bertwright.inference.submission import check_submission, row_identities, write_submission
    from bertwright.tables.columns import Columns
    from bertwright.tasks.presets import stored_preset

    with Console(common) as console, chosen_engine(engine, ray_address, console.say) as cluster:
        opened = loaded(model, device, console, precision=precision)
        chosen = Columns.of(text, text_pair, names=columns)
        preset, identities = stored_preset(opened.folder), None
        if chosen == Columns():
            chosen = preset.unlabelled_columns(file, format=format)
        if submission is not None:
            check_submission(opened.task.to_dict(), submission, (file, output), overwrite)
            identities = row_identities(opened.task, file, chosen, format=format)
        summary = predict_file(
            opened,
            file,
            output,
            columns=chosen,
            format=format,
            strict=strict or submission is not None,
            resume=resume,
            overwrite=overwrite,
            engine=cluster,
            progress=console,
        )
        if submission is not None:
            write_submission(
                output,
                opened.task.kind,
                submission,
                identities=identities,
                header=preset.submission_header,
                overwrite=overwrite,
            )
            if preset.submissions and submission.name not in preset.submissions:
                console.say(f"{submission.name}: GLUE's server wants it as {', '.join(preset.submissions)}")
        for remark in summary.remarks:
            console.say(remark)
        if summary.failed:
            console.warn(summary.failures)
        console.result(
            {
                **summary.to_dict(),
                "precision": opened.precision,
                **({} if submission is None else {"submission": str(submission)}),
            },
            _shown(summary, opened.precision),
        )


def _shown(summary: PredictionSummary, precision: str) -> str:
    rate = summary.rows / max(summary.seconds, 1e-9)
    answered = f"{summary.rows - summary.failed:,} of {summary.rows:,} rows answered"
    speed = f"in {summary.seconds:,.1f} s ({pace(rate)}, {precision})"
    return f"{answered} {speed}, {summary.truncated:,} of them cut: {summary.output}"
