"""``bertwright vocab --extend``: a model and a corpus -> the model with the words that it lacks."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bertwright.cli.arguments import Common
from bertwright.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bertwright.exchange.extension import ExtendedModel

_SHOWN = 12


def refuse_together(*, extend: Path, **others: Any) -> None:
    """Refuse flags of learning, since ``--extend`` keeps what the model has.

    Raises:
        UsageError: naming the first.
    """
    for name, value in others.items():
        if value not in (None, False):
            raise UsageError(f"--{name}: expected none with --extend, which keeps what {extend} has")


def extend_vocabulary(
    model: Path,
    corpus: Sequence[Path],
    output: Path,
    add: int | None,
    unused: bool,
    overwrite: bool,
    reading: Mapping[str, Any],
    common: Common,
) -> None:
    """Write the extended model, and say what it gained."""
    from bertwright.cli.console import Console
    from bertwright.exchange.extension import ADD, extend_model

    with Console(common) as console:
        done = extend_model(
            model,
            corpus,
            output,
            add=ADD if add is None else add,
            in_unused=unused,
            overwrite=overwrite,
            progress=console,
            **reading,
        )
        for note in done.notes:
            console.say(note)
        for warning in done.warnings:
            console.warn(warning)
        console.result(_machine(done), _human(done))


def _machine(done: ExtendedModel) -> dict[str, Any]:
    extension = done.extension
    before, after = extension.before, extension.after
    return {
        "added": len(extension.pieces),
        "size": done.size,
        "pieces_per_word": round(after.pieces_per_word, 6),
        "pieces_per_word_before": round(before.pieces_per_word, 6),
        "unk_rate": round(after.unk_rate, 9),
        "unk_rate_before": round(before.unk_rate, 9),
        "coverage": round(after.coverage, 6),
        "coverage_before": round(before.coverage, 6),
        "measured_on": extension.measured_on,
        "measured_words": after.words,
        "words": [piece.word for piece in extension.pieces],
        "notes": list(done.notes),
        "warnings": list(done.warnings),
        "output": str(done.output),
    }


def _human(done: ExtendedModel) -> list[RenderableType]:
    from bertwright.cli.console import table

    extension = done.extension
    before, after = extension.before, extension.after
    rows = [
        ("pieces a word", f"{before.pieces_per_word:.4f}", f"{after.pieces_per_word:.4f}"),
        ("whole words", f"{before.coverage:.2%}", f"{after.coverage:.2%}"),
        ("unknown", f"{before.unk_rate:.4%}", f"{after.unk_rate:.4%}"),
    ]
    typed = shlex.quote(str(done.output))
    tokens = done.extension.tokenizer.vocabulary
    title = f"on {after.words:,} words: {extension.measured_on}"
    words = ", ".join(f"{piece.word} ({piece.count:,})" for piece in extension.pieces[:_SHOWN])
    return [
        table(title, ["", "before", "after"], rows, right=(1, 2)),
        f"{len(extension.pieces):,} new pieces of {len(tokens):,}, the most useful first: {words}",
        f"Model: {done.output}",
        f"Go on with: bertwright prepare CORPUS --vocab {typed} -o STORE; "
        f"bertwright pretrain --data STORE --init {typed} -o RUN",
    ]
