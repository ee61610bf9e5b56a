"""``bertwright score``: how likely every text of a file is to a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Device
from bertwright.cli.console import Console


def score(
    model: Annotated[Path, Parameter(help="A pre-trained model folder, masked or left-to-right.")],
    file: Annotated[Path, Parameter(help="A text a line; or a table: .tsv, .csv, .jsonl, .parquet.")],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="A .jsonl file.")],
    text: Annotated[str | None, Parameter(help="The table's column with the texts.")] = None,
    per_token: Annotated[bool, Parameter(help="Also write every piece and its logarithm.")] = False,
    resume: Annotated[bool, Parameter(help="Go on with work that was interrupted.")] = False,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT.")] = False,
    device: Device = "auto",
    common: Common = Common(),
) -> None:
    """Score every text of a file: how natural a language model finds it.

    A masked model gives pseudo-log-likelihoods: every token is hidden in turn and predicted from the others.
    A left-to-right model gives log-likelihoods. Both are in nats, and higher is more natural; the two kinds
    are not to be compared with each other. Interrupted work is kept beside OUTPUT and taken up with --resume.

        bertwright score RUN/model sentences.txt -o scores.jsonl
    """
    from bertwright.cli.loading import loaded
    from bertwright.inference.score_file import score_file

    with Console(common) as console:
        summary = score_file(
            loaded(model, device, console),
            file,
            output,
            column=text,
            per_token=per_token,
            resume=resume,
            overwrite=overwrite,
            progress=console,
        )
        if summary.empty:
            console.warn(f"{summary.empty:,} of {summary.rows:,} texts have no token")
        pseudo = "pseudo-" if summary.kind == "pseudo-log-likelihood" else ""
        shown = "none" if summary.perplexity is None else f"{summary.perplexity:,.2f}"
        console.result(
            {
                "rows": summary.rows,
                "tokens": summary.tokens,
                "kind": summary.kind,
                "log_probability": summary.log_probability,
                "perplexity": summary.perplexity,
                "empty": summary.empty,
                "seconds": round(summary.seconds, 3),
                "output": str(summary.output),
            },
            f"{pseudo}perplexity {shown} over {summary.tokens:,} tokens of {summary.rows:,} texts in "
            f"{summary.seconds:,.1f} s: {summary.output}",
        )
