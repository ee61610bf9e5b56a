"""``bertwright vocab``: a corpus -> a vocabulary and its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bertwright.cli.arguments import Common, CorpusColumn, Count, Whole
from bertwright.cli.vocab_extension import extend_vocabulary, refuse_together
from bertwright.corpus.formats import Format
from bertwright.corpus.lines import MAX_LINE_BYTES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bertwright.tokenization.learning.report import VocabularyReport


def vocab(
    corpus: Annotated[
        list[Path], Parameter(help="Files and directories of text; .gz, .xz and .zst are opened.")
    ],
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The folder to be made.")],
    size: Annotated[
        Count | None, Parameter(help="Number of tokens, the five special ones included; by default 30522.")
    ] = None,
    cased: Annotated[bool, Parameter(help="Keep capital letters and accents.")] = False,
    min_count: Annotated[Count, Parameter(help="Pass over words that occur less often.")] = 1,
    held_out: Annotated[
        Path | None, Parameter(help="File to measure on; by default 1 passage in 128 is kept for it.")
    ] = None,
    workers: Annotated[
        Whole | None, Parameter(help="Processes; by default one a core where that pays.")
    ] = None,
    format: Annotated[
        Format, Parameter(help="How documents stand in the files; auto goes by the name.")
    ] = "auto",
    text_field: CorpusColumn = "text",
    max_line_bytes: Annotated[Count, Parameter(help="Longer lines are refused.")] = MAX_LINE_BYTES,
    extend: Annotated[
        Path | None, Parameter(help="A model: write it to OUTPUT with the words of the corpus that it lacks.")
    ] = None,
    add: Annotated[Count | None, Parameter(help="With --extend: how many words; by default 1000.")] = None,
    unused: Annotated[
        bool,
        Parameter(help="With --extend: put them into the places of [unusedN], so that ids end as before."),
    ] = False,
    overwrite: Annotated[bool, Parameter(help="Replace a vocabulary that is there.")] = False,
    common: Common = Common(),
) -> None:
    """Learn a WordPiece vocabulary, and show how good it is.

    Writes the tokenizer files (vocab.txt, tokenizer.json, …), which transformers opens, too, and
    report.json. The same text gives the same bytes, whatever the order of the files and the number of
    workers.

        bertwright vocab wiki.txt.xz news/ -o my-vocab
        bertwright vocab zh.txt.xz -o zh-vocab --size 21128
        bertwright vocab --extend published-model medicine.txt -o my-model --add 1000
    """
    reading: dict[str, Any] = {
        "min_count": min_count,
        "held_out": held_out,
        "format": format,
        "text_field": text_field,
        "max_line_bytes": max_line_bytes,
        "workers": workers,
    }
    if extend is not None:
        refuse_together(extend=extend, size=size, cased=cased)
        extend_vocabulary(extend, corpus, output, add, unused, overwrite, reading, common)
        return
    from bertwright import durable
    from bertwright.cli.console import Console
    from bertwright.cli.usage import refuse_alone
    from bertwright.tokenization.learning.learn import KIND, learn_vocabulary
    from bertwright.tokenization.settings import TokenizerSettings

    refuse_alone("--extend MODEL", add=add, unused=unused)
    with Console(common) as console:
        durable.check_new_directory(output, KIND, overwrite)
        learned = learn_vocabulary(
            corpus,
            size=30522 if size is None else size,
            settings=TokenizerSettings(do_lower_case=not cased),
            output=output,
            progress=console,
            **reading,
        )
        learned.save(output, overwrite=overwrite)
        for warning in learned.warnings:
            console.warn(warning)
        console.result(_machine(learned.report, output, learned.warnings), _human(learned.report, output))


def _machine(report: VocabularyReport, output: Path, warnings: tuple[str, ...]) -> dict[str, Any]:
    fit = report.fit
    return {
        "size": report.size,
        "pieces_per_word": round(fit.pieces_per_word, 6),
        "unk_rate": round(fit.unk_rate, 9),
        "coverage": round(fit.coverage, 6),
        "output": str(output),
        "requested_size": report.requested_size,
        "character_coverage": round(fit.character_coverage, 9),
        "alphabet": len(report.alphabet),
        "measured_on": report.measured_on,
        "measured_words": fit.words,
        "warnings": list(warnings),
    }


def _human(report: VocabularyReport, output: Path) -> list[RenderableType]:
    from bertwright.cli.console import table

    fit = report.fit
    rows: list[tuple[str, str, str]] = [
        (
            "tokens",
            f"{report.size:,}",
            f"{report.word_starts:,} begin words, {report.continuations:,} go on (##)",
        ),
        ("alphabet", f"{len(report.alphabet):,}", _line(report.alphabet[:40], " ")),
        ("pieces a word", f"{fit.pieces_per_word:.4f}", f"on {fit.words:,} words: {report.measured_on}"),
        ("whole words", f"{fit.coverage:.2%}", "of the words are one piece"),
        (
            "unknown",
            f"{fit.unk_rate:.4%}",
            f"of the words become [UNK]: {_line(fit.unknown[:6], ' ') or 'none'}",
        ),
        ("longest", "", _line(report.longest[:6])),
        ("rarest", "", _line([f"{piece} ({uses:,})" for piece, uses in report.rarest[:6]])),
    ]
    shown = [table(f"vocabulary {output}", ["", "figure", ""], rows, right=[1])]
    if fit.examples:
        examples = [(cut.word, " ".join(cut.pieces)) for cut in fit.examples]
        shown.append(table("words of several pieces, from frequent to rare", ["word", "pieces"], examples))
    return shown


def _line(items: list[str] | tuple[str, ...], between: str = ", ") -> str:
    return between.join(items)
