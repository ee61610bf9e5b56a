"""``bertwright evaluate``: a fine-tuned model's score on labelled rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import Common


def evaluate(
    model: Annotated[Path, Parameter(help="A fine-tuned model folder.")],
    file: Annotated[Path, Parameter(help="Labelled rows: .tsv, .csv, .jsonl or .parquet.")],
    /,
    *,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Every row's answer and label, as JSON lines.")
    ] = None,
    text: Annotated[str | None, Parameter(help="The column with the texts, or its number from 1.")] = None,
    text_pair: Annotated[str | None, Parameter(help="The column with the second texts of pairs.")] = None,
    label: Annotated[str | None, Parameter(help="The column with the labels.")] = None,
    columns: Annotated[
        str | None, Parameter(help="Names for the columns of a file without header, separated by commas.")
    ] = None,
    format: Annotated[
        str, Parameter(help="tsv, csv, jsonl or parquet, where the name does not say.")
    ] = "auto",
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

    names = tuple(name.strip() for name in columns.split(",")) if columns is not None else None
    with Console(common) as console:
        if output is not None:
            if output.resolve() == file.resolve():
                raise UsageError.at(output, "an output other than the input")
            require_absent(output, overwrite)
        result = run(
            model, file, columns=Columns(text, text_pair, label, names), format=format, progress=console
        )
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
