"""``bertwright convert``: a model into another format, with proof."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
        Literal["hf", "sentence-transformers", "onnx", "tf1"],
        Parameter(
            help="The format: hf is a Hugging Face folder, onnx one for onnxruntime, tf1 a TensorFlow 1 "
            "checkpoint."
        ),
    ],
    bound: Annotated[
        Real | None,
        Parameter(
            help="The largest difference of an answer that is let pass; else 2e-5, for onnx 1e-4, with "
            "--int8 any."
        ),
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
    int8: Annotated[bool, Parameter(help="For onnx: weights of 8 bits.")] = False,
    eval: Annotated[
        Path | None,
        Parameter(help="For onnx: labelled rows; the task's metric is measured before and after."),
    ] = None,
    max_loss: Annotated[
        Real | None,
        Parameter(help="For onnx with --eval: hundredths of the metric that may be lost; else 0.5."),
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
    from bertwright.exchange.conversion import convert as convert_model

    sentences = {"pooling": pooling, "normalize": normalize, "max_length": max_length}
    graph = {"int8": int8 or None, "eval": eval, "max_loss": max_loss}
    options = _options(to, {"sentence-transformers": sentences, "onnx": graph})
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


def _options(to: str, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Those that were given, of the target ``to``.

    Raises:
        UsageError: one of another target was given.
    """
    from bertwright.errors import UsageError

    for target, options in known.items():
        given = [name for name, value in options.items() if value is not None]
        if given and target != to:
            name = "--" + given[0].replace("_", "-")
            raise UsageError(f"{name}: expected --to {target} with it, got --to {to}")
    return {name: value for name, value in known.get(to, {}).items() if value is not None}


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
    if evaluation := done.facts.get("onnx", {}).get("evaluation"):
        yield (
            f"{evaluation['metric']} on {evaluation['rows']:,} rows of {evaluation['file']}: "
            f"{evaluation['before']:.4f} before, {evaluation['after']:.4f} after "
            f"({evaluation['lost_points']:.2f} points lost)"
        )
    if done.bound is None:
        yield f"answers are rounded and have no bound (--eval measures what it costs): {done.output}"
    else:
        yield f"within {done.bound:g}: {done.output}"


def _changes(changes: tuple[Change, ...]) -> list[str]:
    return [f"{change.name} ({change.before} -> {change.after})" for change in changes]


def _listed(names: tuple[str, ...] | list[str]) -> str:
    if not names:
        return "none"
    rest = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)}: " + ", ".join(names[:_SHOWN]) + rest
