"""``bertwright generate``: how texts go on, by a left-to-right model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Count, Device, Real, Whole
from bertwright.cli.console import Console


def generate(
    model: Annotated[Path, Parameter(help="A left-to-right model folder (`pretrain --objective clm`).")],
    beginning: Annotated[str | None, Parameter(help="The text to go on with;")] = None,
    /,
    *,
    file: Annotated[Path | None, Parameter(help="or a file of them: a text a line, or a table.")] = None,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="A .jsonl file, with --file.")
    ] = None,
    text: Annotated[str | None, Parameter(help="The table's column with the texts.")] = None,
    max_tokens: Annotated[Count, Parameter(help="Tokens to add at most.")] = 40,
    top_p: Annotated[
        Real | None,
        Parameter(help="Draw from the likeliest tokens that together have this probability; else greedy."),
    ] = None,
    seed: Annotated[Whole | None, Parameter(help="Of what --top-p draws; 0 by default.")] = None,
    resume: Annotated[bool, Parameter(help="Go on with work that was interrupted.")] = False,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT.")] = False,
    device: Device = "auto",
    common: Common = Common(),
) -> None:
    """Go on with a text, or with every text of a file, by a left-to-right model.

    A BERT cannot do this: it reads both sides of every word at once, and so has never learned to say what
    comes next. This is what an encoder gives up, shown by a model of the same parts that did learn it.

        bertwright generate RUN/model "It was a dark and" --top-p 0.9

        bertwright generate RUN/model --file beginnings.txt -o continued.jsonl
    """
    from bertwright.cli.loading import loaded
    from bertwright.cli.usage import refuse_alone
    from bertwright.errors import UsageError
    from bertwright.inference.generation_file import generate_file

    if (beginning is None) == (file is None):
        raise UsageError("BEGINNING and --file: expected one of them, got " + ("both" if file else "none"))
    if (file is None) != (output is None):
        raise UsageError("--file and --output: expected both or none")
    if file is None:
        refuse_alone("--file", text=text, resume=resume, overwrite=overwrite)
    if top_p is None:
        refuse_alone("--top-p", seed=seed)
    with Console(common) as console:
        opened = loaded(model, device, console)
        if beginning is not None:
            (found,) = opened.generate([beginning], max_tokens=max_tokens, top_p=top_p, seed=seed or 0)
            if found.truncated:
                console.warn(
                    "only the end of the text was read: with what is added it is too long for the model"
                )
            if found.stopped == "positions":
                console.warn(f"{len(found.tokens):,} tokens were added: the model has no place for more")
            console.result(found.to_dict(), found.text)
        if file is not None and output is not None:
            summary = generate_file(
                opened,
                file,
                output,
                column=text,
                max_tokens=max_tokens,
                top_p=top_p,
                seed=seed or 0,
                resume=resume,
                overwrite=overwrite,
                progress=console,
            )
            if summary.truncated:
                console.warn(f"{summary.truncated:,} of {summary.rows:,} texts: only their end was read")
            if full := summary.stopped["positions"]:
                console.warn(f"{full:,} of {summary.rows:,} texts: the model has no place for more tokens")
            console.result(
                summary.to_dict(),
                f"{summary.tokens:,} tokens added to {summary.rows:,} texts in {summary.seconds:,.1f} s: "
                f"{summary.output}",
            )
