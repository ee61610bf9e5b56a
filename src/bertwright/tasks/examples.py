"""Rows of text with what is to be predicted of them, and the checks of a whole labelled file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from bertwright.errors import InputError, TableError
from bertwright.tasks.columns import ChosenTable
from bertwright.tasks.table import Table

Target = TypeVar("Target")


@dataclass(frozen=True, slots=True)
class Example(Generic[Target]):
    """One row: a text or a pair, and its target (a label, a number); None when it is to be predicted."""

    text: str
    text_pair: str | None = None
    target: Target | None = None
    line: int = 0
    """Where it begins in its file, from 1; 0 when it comes from nowhere."""

    @property
    def texts(self) -> tuple[str, str | None]:
        """The input without the target."""
        return self.text, self.text_pair


@dataclass(frozen=True)
class ExampleFile(Generic[Target]):
    """The examples of a file, and what is odd about it (sentences for people)."""

    path: Path
    examples: list[Example[Target]]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.examples)

    def error(
        self, expected: str, got: object = None, *, line: int | None = None, hint: str | None = None
    ) -> InputError:
        """A :class:`TableError` about this file."""
        return TableError.at(self.path, expected, got, line=line, hint=hint)


def text_cell(table: Table, line: int, column: str, cell: object) -> str:
    """``cell`` as a text.

    Raises:
        TableError: it is empty, null, or no text.
    """
    if not isinstance(cell, str):
        raise table.error("a text", "null" if cell is None else cell, line=line, column=column)
    if not cell.strip():
        raise table.error("a text", cell or "an empty one", line=line, column=column)
    return cell


def require_rows(chosen: ChosenTable, examples: Sequence[object]) -> None:
    """Refuse a file that has a header and no rows."""
    if not examples:
        raise chosen.table.error("rows", "0 examples: only a header is there")


def warnings_of(chosen: ChosenTable, examples: Sequence[Example[Target]]) -> tuple[str, ...]:
    """What is odd about one file: blank rows, equal pairs, the same text with different targets."""
    name = chosen.table.path.name
    found: list[str] = []
    if blank := chosen.table.blank_lines:
        found.append(f"{name}: skipped {_count(len(blank), 'blank line')}, the first is line {blank[0]}")
    equal = [example for example in examples if example.text == example.text_pair]
    if equal:
        found.append(
            f"{name}: {_count(len(equal), 'row')} with two equal texts, the first at line {equal[0].line}"
        )
    conflicts = _conflicts(examples)
    if conflicts:
        first, other = conflicts[0]
        found.append(
            f"{name}: {_count(len(conflicts), 'text')} with different labels, "
            f"the first at lines {first.line} ({first.target}) and {other.line} ({other.target})"
        )
    return tuple(found)


def overlap_warning(train: ExampleFile[Target], dev: ExampleFile[Target]) -> tuple[str, ...]:
    """A warning when rows of ``dev`` are in ``train`` too: they measure memory, not learning."""
    seen = {example.texts for example in train.examples}
    repeated = [example for example in dev.examples if example.texts in seen]
    if not repeated:
        return ()
    share = f"{_count(len(repeated), 'row')} ({len(repeated) / len(dev.examples):.1%})"
    return (f"{dev.path.name}: {share} also in {train.path.name}, the first at line {repeated[0].line}",)


def _conflicts(examples: Iterable[Example[Target]]) -> list[tuple[Example[Target], Example[Target]]]:
    """For each text that has several targets: its first row, and the first that differs from it."""
    first: dict[tuple[str, str | None], Example[Target]] = {}
    conflicts: dict[tuple[str, str | None], tuple[Example[Target], Example[Target]]] = {}
    for example in examples:
        earlier = first.setdefault(example.texts, example)
        if earlier.target != example.target:
            conflicts.setdefault(example.texts, (earlier, example))
    return list(conflicts.values())


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
