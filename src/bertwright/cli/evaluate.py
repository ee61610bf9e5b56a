"""``bertwright evaluate``: a fine-tuned model's score on labelled rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import ColumnNames, Common, LabelColumn, PairColumn, TableFormat, TextColumn


def evaluate(
    model: Annotated[Path, Parameter(help="A fine-tuned model folder.")],
    file: Annotated[Path, Parameter(help="Labelled rows: .tsv, .csv, .jsonl or .parquet.")],
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Every row's answer and label, as JSON lines.")
    ] = None,
    text: TextColumn = None,
    text_pair: PairColumn = None,
    label: LabelColumn = None,
    columns: ColumnNames = None,
    format: TableFormat = "auto",
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT.")] = False,
    common: Common = Common(),
) -> None:
    """Score a fine-tuned model on labelled rows.

    Columns are those that the model was trained with unless they are named here.

        bertwright evaluate classifier test.tsv -o answers.jsonl
    """
    from bertwright.cli.console import Console, table
    from bertwright.durable import require_absent, write_file
    from bertwright.errors import UsageError
    from bertwright.tasks.columns import Columns
    from bertwright.tasks.evaluation import evaluate as run

    with Console(common) as console:
        if output is not None:
            if output.resolve() == file.resolve():
                raise UsageError.at(output, "an output other than the input")
            require_absent(output, overwrite)
        chosen = Columns.of(text, text_pair, label, names=columns)
        result = run(model, file, columns=chosen, format=format, progress=console)
        for warning in result.warnings:
            console.warn(warning)
        if output is not None:
            write_file(output, result.to_json_lines(), overwrite=overwrite)
        rows = [[name, f"{value:.4f}"] for name, value in result.metrics.items()]
        console.result(
            result.to_dict() | {"output": None if output is None else str(output)},
            [
                table(f"{result.kind}, {result.rows:,} rows", ["metric", "value"], rows, right=[1]),
                f"{result.truncated:,} of {result.rows:,} rows were cut; {result.seconds:,.1f} s",
            ],
        )
