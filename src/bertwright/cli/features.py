"""``bertwright features``: vectors of every piece or word, from any layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from bertwright.cli.arguments import Common, Count, Device
from bertwright.cli.console import Console, amount

if TYPE_CHECKING:
    from bertwright.inference.feature_file import FeaturesSummary


def features(
    model: Annotated[Path, Parameter(help="A model folder.")],
    file: Annotated[
        Path, Parameter(help="A text a line, A ||| B for a pair; or a table: .tsv, .csv, .jsonl, .parquet.")
    ],
    /,
    *,
    output: Annotated[
        Path, Parameter(name=["--output", "-o"], help="A .npy, .safetensors, .parquet or .jsonl file.")
    ],
    layers: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True,
            help="Numbers (0 the embeddings, -1 the last), a slice, or embeddings, second-to-last, last.",
        ),
    ] = "last",
    combine: Annotated[
        Literal["none", "concat", "sum", "mean"], Parameter(help="How several layers become one vector.")
    ] = "none",
    align: Annotated[
        Literal["pieces", "words"], Parameter(help="A vector for every piece, or for every word.")
    ] = "pieces",
    word_pooling: Annotated[
        Literal["first", "mean", "last", "max"],
        Parameter(help="How the vectors of a word's pieces become one."),
    ] = "first",
    pooling: Annotated[
        Literal["none", "mean", "cls", "max"], Parameter(help="One vector a row instead, over its pieces.")
    ] = "none",
    text: Annotated[
        str | None, Parameter(help="The table's column with the texts, or with lists of words.")
    ] = None,
    text_pair: Annotated[str | None, Parameter(help="The table's column with the second texts.")] = None,
    max_length: Annotated[
        Count | None, Parameter(help="Cut longer rows to so many pieces; else to what the model sees.")
    ] = None,
    resume: Annotated[bool, Parameter(help="Go on with work that was interrupted.")] = False,
    overwrite: Annotated[bool, Parameter(help="Replace OUTPUT.")] = False,
    device: Device = "auto",
    common: Common = Common(),
) -> None:
    """Write the vectors of every piece or word of a file, in its order, with an index.

    The index says where each row's vectors are, and which token, word and characters each stands for: beside
    .npy and .safetensors in OUTPUT.index.jsonl, else inside. A .jsonl is in the format of the original's
    extract_features.py. Interrupted work is kept beside the output and taken up with --resume.

        bertwright features RUN/model texts.txt -o vectors.npy --layers -4: --combine concat
    """
    from bertwright.cli.loading import loaded
    from bertwright.features.layers import select_layers
    from bertwright.inference.feature_file import features_file
    from bertwright.inference.feature_request import FeatureRequest

    with Console(common) as console:
        opened = loaded(model, device, console)
        selection = select_layers(layers, opened.config.num_hidden_layers)
        if selection.remark is not None:
            console.say(selection.remark)
        summary = features_file(
            opened,
            file,
            output,
            FeatureRequest(selection, pooling, align, word_pooling, combine),
            text=text,
            text_pair=text_pair,
            max_length=max_length,
            resume=resume,
            overwrite=overwrite,
            progress=console,
        )
        if summary.truncated:
            console.warn(f"{summary.truncated:,} of {summary.rows:,} rows were longer and were cut")
        console.result(summary.to_dict(), _shown(summary))


def _shown(summary: FeaturesSummary) -> str:
    rate = summary.rows / max(summary.seconds, 1e-9)
    shape = " x ".join(map(str, summary.dimensions))
    what = f"{summary.vectors:,} vectors of {shape} numbers for {summary.rows:,} rows"
    return f"{what} in {summary.seconds:,.1f} s ({amount(rate)} rows a second): {summary.output}"
