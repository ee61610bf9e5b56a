"""``bertwright prepare``: documents -> token store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bertwright.cli.arguments import Common, CorpusColumn, Count, Whole
from bertwright.cli.engines import EngineName, RayAddress, chosen_engine
from bertwright.corpus.formats import Format
from bertwright.corpus.lines import MAX_LINE_BYTES

Words = Annotated[
    Literal["rjieba"] | None,
    Parameter(help="Find the words of Chinese text, for whole-word masking; the tokens stay the same."),
]
"""Of ``--words``."""


def prepare(
    corpus: Annotated[
        list[Path], Parameter(help="Files and directories of text; .gz, .xz and .zst are opened.")
    ],
    /,
    *,
    vocab: Annotated[Path, Parameter(help="Folder with tokenizer files, or a bare vocab.txt.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The token store to be made.")],
    workers: Annotated[
        Whole | None, Parameter(help="Processes, or parts at once on a cluster; by default one a core.")
    ] = None,
    one_sentence_per_line: Annotated[bool, Parameter(help="Lines are sentences already.")] = False,
    language: Annotated[str, Parameter(help="Whose rules find the sentences: en, zh, de, …")] = "en",
    format: Annotated[
        Format, Parameter(help="How documents stand in the files; auto goes by the name.")
    ] = "auto",
    text_field: CorpusColumn = "text",
    max_line_bytes: Annotated[Count, Parameter(help="Longer lines are refused.")] = MAX_LINE_BYTES,
    words: Words = None,
    mlm_only: Annotated[
        bool, Parameter(help="For masked LM alone: one document, or documents of one sentence, will do.")
    ] = False,
    overwrite: Annotated[
        bool, Parameter(help="Replace a store that is there, and parts that another preparation left.")
    ] = False,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    common: Common = Common(),
) -> None:
    """Turn raw text into a token store, ready for pre-training.

    Plain text has one paragraph (or sentence) a line and a blank line between documents; in JSONL, CSV, TSV
    and Parquet a row is a document. A preparation that was stopped goes on when the same command is given
    again.

        bertwright prepare wiki.txt.xz news/ --vocab my-vocab -o my-store
    """
    from bertwright.cli.console import Console, table
    from bertwright.data.prepare import prepare as run

    with (
        Console(common) as console,
        chosen_engine(engine, ray_address, console.say, workers=workers) as cluster,
    ):
        summary = run(
            corpus,
            vocabulary=vocab,
            output=output,
            workers=workers if cluster is None else None,
            one_sentence_per_line=one_sentence_per_line,
            language=language,
            format=format,
            text_field=text_field,
            max_line_bytes=max_line_bytes,
            words=words,
            masked_lm_only=mlm_only,
            overwrite=overwrite,
            engine=cluster,
            progress=console,
        )
        for warning in summary.warnings:
            console.warn(warning)
        counts, seconds = summary.counts, max(summary.seconds, 1e-9)
        rows = [
            ["documents", f"{counts.documents:,}"],
            ["sentences", f"{counts.sentences:,}", f"{counts.sentences / counts.documents:.1f} a document"],
            ["tokens", f"{counts.tokens:,}", f"{counts.tokens / counts.sentences:.1f} a sentence"],
            [
                "unknown",
                f"{counts.unknown_tokens:,}",
                f"{counts.unknown_tokens / counts.tokens:.3%} of the tokens",
            ],
            ["text", f"{counts.bytes / 1e6:,.1f} MB", f"{counts.bytes / 1e6 / seconds:,.1f} MB/s"],
            ["shards", f"{summary.shards:,}"],
            ["seconds", f"{summary.seconds:,.1f}", f"{counts.tokens / seconds:,.0f} tokens/s"],
        ]
        shown = table(
            f"token store {summary.output}", ["", "count", ""], [[*row, ""][:3] for row in rows], right=[1]
        )
        console.result(summary.as_json(), shown)
