"""``bertwright inspect``: what is this."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bertwright.cli.arguments import Common
from bertwright.cli.console import Console, displayed

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 8
_DIGEST = re.compile("[0-9a-f]{64}")


def inspect(
    path: Annotated[Path, Parameter(help="A folder or file.")],
    /,
    *,
    common: Common = Common(),
) -> None:
    """Say what a path holds, and verify every digest.

    It knows vocabularies, token stores, runs, checkpoints, comparisons, models and unfinished work
    (OUTPUT.partial: how much of it is done). Models are bertwright's own, Hugging Face and
    sentence-transformers folders, TensorFlow 1 checkpoints and bare safetensors files; of a model it also
    says what would be lost on loading. Nothing is changed, and nothing in it is executed. The exit code is 2
    where a file is damaged.

        bertwright inspect RUN/model
    """
    from bertwright.inference.inspection import inspect_path

    with Console(common) as console:
        found = inspect_path(path, progress=console)
        if not common.json:
            for note in found.notes:
                console.warn(note)
        checked = "no manifest to verify" if found.verified is None else f"{found.verified} files verified"
        console.result(found.to_dict(), [f"{found.path}: {found.title} ({checked})", _outline(found.facts)])
    if found.damaged:
        raise SystemExit(2)


def _outline(facts: Mapping[str, Any]) -> RenderableType:
    """Names and values, a group of them indented below its name."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for name, value, depth in _rows(facts, 0):
        label = Text("  " * (depth + 1) + displayed(name), style="bold" if value is None else "")
        grid.add_row(label, Text("" if value is None else displayed(value), overflow="fold"))
    return grid


def _rows(facts: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str | None, int]]:
    """Name, value (None for the name of a group) and depth of every line."""
    for name, value in facts.items():
        if name == "lost_on_loading" and not value:
            yield name, "nothing", depth
        elif name == "files" and depth == 0:
            yield name, f"{len(value)}, {sum(entry['bytes'] for entry in value):,} bytes", depth
        elif isinstance(value, dict) and value:
            yield name, None, depth
            hidden = (
                ("settings",) if name == "provenance" else ()
            )  # of the run that made a model: a screenful
            yield from _rows({key: part for key, part in value.items() if key not in hidden}, depth + 1)
        elif value not in (None, {}, []):
            yield name, str(value) if name == "seed" else _shown(value), depth


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and all(type(item) is int for item in value):
        return " x ".join(map(str, value))
    if isinstance(value, list):
        rest = len(value) - _SHOWN
        return ", ".join(map(_shown, value[:_SHOWN])) + (f", and {rest} more" if rest > 0 else "")
    if isinstance(value, dict):
        return " ".join(f"{name} {_shown(item)}" for name, item in value.items())
    text = str(value)
    return text[:16] + "…" if _DIGEST.fullmatch(text) else text
