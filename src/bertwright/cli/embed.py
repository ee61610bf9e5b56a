"""``bertwright embed``: one vector a text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Count, Device, Pooling, Precision
from bertwright.cli.console import Console, pace
from bertwright.cli.engines import EngineName, RayAddress, chosen_engine


def embed(
    model: Annotated[Path, Parameter(help="A model folder.")],
    file: Annotated[Path, Parameter(help="A text a line; or a table: .tsv, .csv, .jsonl, .parquet.")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="A .npy, .parquet or .jsonl file.")],
    text: Annotated[str | None, Parameter(help="The table's column with the texts.")] = None,
    pooling: Annotated[
        Pooling | None,
        Parameter(help="How the vectors of a text's tokens become one; else as MODEL says, or mean."),
    ] = None,
    normalize: Annotated[
        bool | None,
        Parameter(
            negative="--no-normalize", help="Scale every vector to length 1; else as MODEL says, or not."
        ),
    ] = None,
    max_length: Annotated[
        Count | None,
        Parameter(help="Cut longer texts to so many tokens; else as MODEL says, or to what it sees."),
    ] = None,
    resume: Annotated[bool, Parameter(help="Go on with work that was interrupted.")] = False,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT.")] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    common: Common = Common(),
) -> None:
    """Turn every text of a file into one vector of float32, in the order of the file.

    A sentence-transformers folder says itself how its tokens become a vector; flags change that.
    Interrupted work is kept beside the output and taken up with --resume.

        bertwright embed RUN/model texts.txt -o vectors.npy
    """
    from bertwright.cli.loading import loaded
    from bertwright.inference.embedding_file import embed_file

    with Console(common) as console, chosen_engine(engine, ray_address, console.say) as cluster:
        opened = loaded(model, device, console, precision=precision)
        summary = embed_file(
            opened,
            file,
            output,
            column=text,
            pooling=pooling,
            normalize=normalize,
            max_length=max_length,
            resume=resume,
            overwrite=overwrite,
            engine=cluster,
            progress=console,
        )
        if summary.truncated:
            console.warn(f"{summary.truncated:,} of {summary.rows:,} texts were longer and were cut")
        if summary.empty:
            console.warn(f"{summary.empty:,} of {summary.rows:,} texts are empty")
        rate = summary.rows / max(summary.seconds, 1e-9)
        console.result(
            {
                "rows": summary.rows,
                "dimensions": summary.dimensions,
                "truncated": summary.truncated,
                "empty": summary.empty,
                "recipe": summary.recipe.facts(),
                "precision": opened.precision,
                "seconds": round(summary.seconds, 3),
                "output": str(summary.output),
            },
            f"{summary.rows:,} vectors of {summary.dimensions} numbers in {summary.seconds:,.1f} s "
            f"({pace(rate)}, {opened.precision}): {summary.output}",
        )
