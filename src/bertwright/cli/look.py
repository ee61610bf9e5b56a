"""``bertwright look``: what goes on inside a model, as a page of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Count, Device
from bertwright.cli.console import Console


def look(
    model: Annotated[Path, Parameter(help="A model folder.")],
    /,
    *text: Annotated[str, Parameter(help="Texts to look at; A ||| B is a pair.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The HTML page.")],
    word: Annotated[
        list[str], Parameter(help="Follow this word of the texts through the layers; may be repeated.")
    ] = [],  # noqa: B006  (cyclopts reads the default; it is never changed)
    file: Annotated[
        Path | None,
        Parameter(help="Measure heads and find neighbours in this: a text a line, or a table."),
    ] = None,
    text_column: Annotated[
        str | None,
        Parameter(name=["--text", "--text-column"], help="The table's column with the texts."),
    ] = None,
    text_pair: Annotated[str | None, Parameter(help="The column with the second texts of pairs.")] = None,
    neighbours: Annotated[Count, Parameter(help="Neighbours of each word.")] = 5,
    max_length: Annotated[
        Count | None, Parameter(help="Cut longer texts to so many tokens; else to what MODEL sees.")
    ] = None,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT.")] = False,
    device: Device = "auto",
    common: Common = Common(),
) -> None:
    """Show what goes on inside a model: attention, what heads look at, and words in their contexts.

    One page of pictures; it needs no network and no other file.

        bertwright look RUN/model "on the bank of the river" "the bank lends money" --word bank -o look.html
    """
    from bertwright.cli.loading import loaded
    from bertwright.durable import check_new_file, write_file
    from bertwright.inference.feature_rows import split_line
    from bertwright.inference.looking import look as look_inside
    from bertwright.reports.look_report import render

    with Console(common) as console:
        check_new_file(output, overwrite=overwrite)
        found = look_inside(
            loaded(model, device, console),
            [split_line(line) for line in text],
            words=word,
            file=file,
            text=text_column,
            text_pair=text_pair,
            neighbours=neighbours,
            max_length=max_length,
            progress=console,
        )
        for remark in found.remarks:
            console.warn(remark)
        name = "/".join(model.resolve().parts[-2:])
        page = render(found, name, None if file is None else file.name)
        write_file(output, page, overwrite=overwrite)
        console.result({**found.to_dict(), "output": str(output)}, str(output))
