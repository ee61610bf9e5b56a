"""``bertwright doctor``: what is wrong with a corpus or a token store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bertwright.cli.arguments import Common, CorpusColumn, Count, Whole
from bertwright.corpus.formats import Format
from bertwright.corpus.lines import MAX_LINE_BYTES

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from bertwright.data.findings import Diagnosis, Sample, SampleToken

_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_SHARES = ("_share", "_rate", "_used", "replaced_by_mask", "replaced_by_random", "kept")


def doctor(
    path: Annotated[
        list[Path],
        Parameter(help="A token store, or files and directories of text; .gz, .xz, .zst are opened."),
    ],
    /,
    *,
    vocab: Annotated[
        Path | None, Parameter(help="For a corpus: look at instances too, made with this vocabulary.")
    ] = None,
    max_length: Annotated[Count, Parameter(help="Tokens of an instance.")] = 128,
    whole_word: Annotated[bool, Parameter(help="Mask all pieces of a word or none.")] = False,
    mlm_only: Annotated[
        bool, Parameter(help="The data is for masked LM alone, without next sentences.")
    ] = False,
    samples: Annotated[Whole, Parameter(help="Instances to show.")] = 3,
    seed: Annotated[Whole, Parameter(help="Another seed measures and shows other instances.")] = 0,
    one_sentence_per_line: Annotated[
        bool, Parameter(help="For a corpus: lines are sentences already.")
    ] = False,
    language: Annotated[str, Parameter(help="For a corpus: whose rules find the sentences.")] = "en",
    format: Annotated[Format, Parameter(help="For a corpus: how documents stand in the files.")] = "auto",
    text_field: CorpusColumn = "text",
    max_line_bytes: Annotated[
        Count, Parameter(help="For a corpus: longer lines are refused.")
    ] = MAX_LINE_BYTES,
    workers: Annotated[Whole | None, Parameter(help="Processes; by default one a core.")] = None,
    common: Common = Common(),
) -> None:
    """Say what is wrong with a corpus or a token store, and what to do about it.

    Finds copies, missing and misplaced blank lines, and text that the vocabulary does not know; measures the
    share of random next sentences and the masking on real instances, and shows some of them. The exit code
    is 0 whatever is found; with --json, look at the severities.

        bertwright doctor my-store
        bertwright doctor wiki.txt.xz --vocab my-vocab
    """
    from bertwright.cli.console import Console
    from bertwright.config.settings import load
    from bertwright.data.corpus_doctor import examine_corpus
    from bertwright.data.instance_settings import InstanceSettings
    from bertwright.data.store import TokenStore
    from bertwright.data.store_doctor import examine_store
    from bertwright.durable import look_at
    from bertwright.tokenization.tokenizer import Tokenizer

    overrides = {"max_length": max_length, "whole_word": whole_word, "next_sentence": not mlm_only}
    settings = load(InstanceSettings, overrides=overrides).value
    with Console(common) as console:
        for part in path:
            look_at(part)
        if _is_store(path):
            store = TokenStore.open(path[0])
            tokenizer = Tokenizer.load(vocab) if vocab else store.tokenizer()
            diagnosis = examine_store(store, tokenizer.vocabulary, settings, seed=seed, samples=samples)
        else:
            diagnosis = examine_corpus(
                path,
                tokenizer=Tokenizer.load(vocab) if vocab else None,
                settings=settings,
                language=None if one_sentence_per_line else language,
                format=format,
                text_field=text_field,
                max_line_bytes=max_line_bytes,
                workers=workers,
                seed=seed,
                samples=samples,
                progress=console,
            )
        where = [str(part) for part in path]
        console.result({"path": where, **diagnosis.as_json()}, _shown(diagnosis, where))


def _is_store(path: list[Path]) -> bool:
    """Whether the request is about a store: a single directory with a manifest."""
    return len(path) == 1 and (path[0] / "manifest.json").is_file()


def _shown(diagnosis: Diagnosis, where: list[str]) -> list[RenderableType]:
    from rich.text import Text

    from bertwright.cli.console import displayed, table

    facts = [[name.replace("_", " "), _number(name, value)] for name, value in diagnosis.facts.items()]
    shown: list[RenderableType] = [Text(displayed(f"{diagnosis.kind} {' '.join(where)}"), style="bold")]
    shown += [table("", ["", ""], facts, right=[1])]
    for finding in diagnosis.findings:
        severity = (f"{finding.severity.upper()}  ", _COLOURS[finding.severity])
        line = Text.assemble(severity, displayed(finding.message))
        shown += [line, Text(displayed(f"    {finding.advice}"), style="dim")]
    if not diagnosis.findings:
        shown.append(Text("Nothing wrong was found.", style="green"))
    if diagnosis.samples:
        legend = Text("\nInstances, with the true words in ‹›:")
        for kind, colour in (("masked", "red"), ("random word", "magenta"), ("kept", "green")):
            legend.append(f" {kind}", style=f"bold {colour}")
        shown.append(legend)
    for sample in diagnosis.samples:
        shown += [Text(""), *_sample(sample)]
    return shown


def _number(name: str, value: int | float | str) -> str:
    if isinstance(value, float):
        return f"{value:.2%}" if name.endswith(_SHARES) else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else value


def _sample(sample: Sample) -> list[Text]:
    """A and B on lines of their own; masked tokens as what stands there, with the true word."""
    from rich.text import Text

    labels = {0: "B follows A", 1: "B is random", None: "one segment"}
    lines = [Text(labels[sample.label], style="bold")]
    for name, tokens in (("A", sample.a), ("B", sample.b)):
        if tokens:
            line = Text.assemble((f"{name}  ", "bold"))
            for token in tokens:
                line.append_text(_token(token))
            lines.append(line)
    return lines


def _token(token: SampleToken) -> Text:
    from rich.text import Text

    from bertwright.cli.console import displayed

    shown = displayed(token.shown)
    if token.truth is None:
        space = "" if shown.startswith("##") else " "
        return Text(f"{space}{shown.removeprefix('##')}")
    colour = "red" if shown == "[MASK]" else "green" if token.shown == token.truth else "magenta"
    return Text.assemble(" ", (shown, f"bold {colour}"), (f"‹{displayed(token.truth)}›", colour))
