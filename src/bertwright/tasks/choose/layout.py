"""Which columns of a table are the question, its context, its choices and the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bertwright.errors import UsageError
from bertwright.tables.columns import Columns
from bertwright.tables.formats import format_of, open_table
from bertwright.tables.table import Table

QUESTIONS = ("question", "query", "sent2", "startphrase", "prompt")
CONTEXTS = ("context", "passage", "paragraph", "article", "sent1")
ANSWERS = ("answer", "label", "answer_key", "answerkey", "correct")
LISTS = ("choices", "options", "endings")
_SEVERAL = re.compile(r"(ending|choice|option|answer)?[ _-]?([0-9]|[a-e])")
_NAMES_A_CHOICE = re.compile(r"[A-Ea-e0-5]", re.ASCII)


@dataclass(frozen=True)
class Layout:
    """An open table, and what to read from it."""

    table: Table
    columns: Columns
    """``text`` is the question, ``text_pair`` its context, ``label`` the answer."""
    choices: tuple[str, ...]
    """The columns of the choices; a single one holds lists."""
    guess: str | None


def lay_out(path: Path, columns: Columns, choices: Sequence[str], *, format: str, labelled: bool) -> Layout:
    """Open ``path`` and settle its columns.

    Args:
        choices: their columns; empty to guess them.
        labelled: whether the answers are needed.

    Raises:
        TableError: the file cannot be read, lacks a column, or it cannot be told which ones are meant.
        UsageError: a column is used twice.
    """
    used = [*columns.given, *choices]
    if len(set(used)) != len(used):
        raise UsageError(
            f"expected different columns for question, choices and answer, got {', '.join(used)}"
        )
    if columns.are_numbers or (not used and columns.names is None and _is_bare(path, format)):
        return _without_header(path, columns, choices, format, labelled)
    table = open_table(path, format=format, names=columns.names)
    question = columns.text or _named(table, QUESTIONS, "--text", "questions")
    context = columns.text_pair or _named(table, CONTEXTS, "", "")
    answer = columns.label if labelled else None
    if labelled and answer is None:
        answer = _named(table, ANSWERS, "--label", "answers")
    settled = Columns(question, context, answer, columns.names)
    found = tuple(choices) or _choice_columns(table, settled)
    table.places([*settled.given, *found])
    guess = None if columns.text and choices else _said(path, settled, found)
    return Layout(table, settled, found, guess)


def _is_bare(path: Path, format: str) -> bool:
    """Whether a table has no header but questions like those of ARC: the last cell names a choice."""
    if (format_of(path) if format == "auto" else format) not in ("tsv", "csv"):
        return False
    table = open_table(path, format=format, names=())
    if len(table.columns) < 4:
        return False
    first = next(table.rows(table.columns[-1:]))
    return bool(_NAMES_A_CHOICE.fullmatch(str(first.cells[0])))


def _without_header(
    path: Path, columns: Columns, choices: Sequence[str], format: str, labelled: bool
) -> Layout:
    """The question first, the answer last, unless other numbers are given; what is between are choices."""
    table = open_table(path, format=format, names=())
    answer = columns.label or (table.columns[-1] if not columns.given else None)
    settled = replace(columns, text=columns.text or "1", label=answer)
    found = tuple(choices) or tuple(name for name in table.columns if name not in settled.given)
    if labelled and answer is None:
        raise UsageError("expected --text and --label both as numbers for a file without header")
    settled = settled if labelled else replace(settled, label=None)
    table.places([*settled.given, *found])
    return Layout(table, settled, found, None if choices else _said(path, settled, found))


def _named(table: Table, names: Sequence[str], flag: str, what: str) -> str | None:
    """The first of ``names`` that there is; None without it where no ``flag`` could name another."""
    by_lower = {column.strip().lower(): column for column in table.columns}
    for name in names:
        if name in by_lower:
            return by_lower[name]
    if not flag:
        return None
    hint = f"none is named {' or '.join(names[:2])}; {table.listing}"
    raise table.error(f"{flag} COLUMN for the {what}", hint=hint)


def _choice_columns(table: Table, settled: Columns) -> tuple[str, ...]:
    free = [column for column in table.columns if column not in settled.given]
    lists = [column for column in free if column.strip().lower() in LISTS]
    if lists:
        return tuple(lists[:1])
    groups: dict[str | None, list[str]] = {}
    for column in free:
        if match := _SEVERAL.fullmatch(column.strip().lower()):
            groups.setdefault(match[1], []).append(column)
    several = [group for group in groups.values() if len(group) > 1]
    if len(several) != 1:
        hint = f"none are named ending0, ending1, …; {table.listing}"
        raise table.error("--set choose.choices=COLUMN,COLUMN for the choices", hint=hint)
    return tuple(several[0])


def _said(path: Path, columns: Columns, choices: Sequence[str]) -> str:
    shown = [f"question {columns.text!r}"]
    shown += [f"context {columns.text_pair!r}"] if columns.text_pair else []
    shown += [f"choices {', '.join(map(repr, choices))}"]
    shown += [f"answer {columns.label!r}"] if columns.label else []
    flags = "--text, --text-pair, --label and --set choose.choices to choose"
    return f"{path.name}: guessed {', '.join(shown)} (say {flags})"
