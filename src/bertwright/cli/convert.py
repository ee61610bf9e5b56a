"""``bertwright convert``: a model into another format, with proof."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Count, Pooling, Real
from bertwright.cli.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bertwright.exchange.conversion import Conversion
    from bertwright.exchange.tensors import Change

_SHOWN = 4


def convert(
    source: Annotated[Path, Parameter(help="A model: ours, Hugging Face's, or a TensorFlow 1 checkpoint.")],
    output: Annotated[Path, Parameter(help="The new folder.")],
    /,
    *,
    to: Annotated[
        Literal["hf", "sentence-transformers"], Parameter(help="The format: hf is a Hugging Face folder.")
    ],
    bound: Annotated[
        Real | None,
        Parameter(help="The largest difference of an answer that is let pass; else 2e-5."),
    ] = None,
    lower_case: Annotated[
        bool | None, Parameter(help="Overrides the casing that SOURCE stores.", negative="--cased")
    ] = None,
    pooling: Annotated[
        Pooling | None,
        Parameter(
            help="For sentence-transformers: how tokens become a vector; else as SOURCE says, or mean."
        ),
    ] = None,
    normalize: Annotated[
        bool | None,
        Parameter(negative="--no-normalize", help="For sentence-transformers: scale vectors to length 1."),
    ] = None,
    max_length: Annotated[
        Count | None, Parameter(help="For sentence-transformers: cut longer texts to so many tokens.")
    ] = None,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT.")] = False,
    common: Common = Common(),
) -> None:
    """Convert a model into another format, and prove that it still gives the same answers.

    Weights in pickles (pytorch_model.bin) are read here and nowhere else, in a process of their own. Source
    and result are asked the same questions, random ids and real text. Where an answer differs by more than
    the bound, nothing is kept.

        bertwright convert uncased_L-12_H-768_A-12 bert-base --to hf
    """
    from bertwright.errors import UsageError
    from bertwright.exchange.conversion import convert as convert_model

    given = {"pooling": pooling, "normalize": normalize, "max_length": max_length}
    options = {name: value for name, value in given.items() if value is not None}
    if options and to != "sentence-transformers":
        name = "--" + next(iter(options)).replace("_", "-")
        raise UsageError(f"{name}: expected --to sentence-transformers with it, got --to {to}")
    with Console(common) as console:
        done = convert_model(
            source,
            output,
            to=to,
            bound=bound,
            lower_case=lower_case,
            options=options,
            overwrite=overwrite,
            progress=console,
        )
        for note in done.notes:
            console.warn(note)
        console.result(done.to_dict(), list(_lines(done)))


def _lines(done: Conversion) -> Iterator[str]:
    heads = ", ".join(done.heads) or "none"
    yield f"{done.source} ({done.source_format}): {done.parameters:,} parameters, heads: {heads}"
    tensors = done.tensors
    yield f"missing (in the source, so in the result): {_listed(tensors.missing)}"
    yield f"unexpected (left behind): {_listed(tensors.unexpected)}"
    yield f"reshaped: {_listed(_changes(tensors.reshaped))}"
    yield f"retyped: {_listed(_changes(tensors.retyped))}"
    for name, value in done.differences.items():
        yield f"largest difference of {name}: {value:.3g}"
    yield f"within {done.bound:g}: {done.output}"


def _changes(changes: tuple[Change, ...]) -> list[str]:
    return [f"{change.name} ({change.before} -> {change.after})" for change in changes]


def _listed(names: tuple[str, ...] | list[str]) -> str:
    if not names:
        return "none"
    rest = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)}: " + ", ".join(names[:_SHOWN]) + rest
