"""``bertwright predict``: the answers of a fine-tuned model for a whole file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import ColumnNames, Common, Device, PairColumn, TableFormat, TextColumn
from bertwright.cli.console import Console


def predict(
    model: Annotated[Path, Parameter(help="A fine-tuned model folder.")],
    file: Annotated[Path, Parameter(help="A table: .tsv, .csv, .jsonl, .parquet.")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="A .jsonl file.")],
    text: TextColumn = None,
    text_pair: PairColumn = None,
    columns: ColumnNames = None,
    format: TableFormat = "auto",
    strict: Annotated[bool, Parameter(help="Refuse a file that has a row without a usable input.")] = False,
    resume: Annotated[bool, Parameter(help="Go on with work that was interrupted.")] = False,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT.")] = False,
    device: Device = "auto",
    common: Common = Common(),
) -> None:
    """Predict every row of a file, in its order, as JSON lines.

    Columns are those that the model was trained with unless they are named here. Rows that cannot be used
    go to a file of their own, beside OUTPUT. Interrupted work is kept there, too, and taken up with --resume.

        bertwright predict MODEL reviews.tsv -o answers.jsonl
    """
    from bertwright.inference.model import load
    from bertwright.inference.prediction_file import predict_file
    from bertwright.tasks.columns import Columns

    with Console(common) as console:
        summary = predict_file(
            load(model, device=device),
            file,
            output,
            columns=Columns.of(text, text_pair, names=columns),
            format=format,
            strict=strict,
            resume=resume,
            overwrite=overwrite,
            progress=console,
        )
        for remark in summary.remarks:
            console.say(remark)
        if summary.failed:
            console.warn(summary.failures)
        rate = summary.rows / max(summary.seconds, 1e-9)
        console.result(
            {
                "rows": summary.rows,
                "failed": summary.failed,
                "truncated": summary.truncated,
                "seconds": round(summary.seconds, 3),
                "output": str(summary.output),
                "errors": None if summary.errors is None else str(summary.errors),
            },
            f"{summary.rows - summary.failed:,} of {summary.rows:,} rows answered in {summary.seconds:,.1f} s"
            f" ({rate:,.0f} a second), {summary.truncated:,} of them cut: {summary.output}",
        )
