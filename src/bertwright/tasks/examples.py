"""Rows of text with what is to be predicted of them, and the checks of a whole labelled file."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from bertwright.errors import InputError, TableError, counted, quote
from bertwright.randomness import generator
from bertwright.tables.columns import ChosenTable, Columns
from bertwright.tables.table import Row, Table

Target = TypeVar("Target")
ExampleType = TypeVar("ExampleType", bound="AnyExample")


class AnyExample(Protocol):
    """What all kinds of examples have in common."""

    @property
    def line(self) -> int:
        """Where it begins in its file, from 1; 0 when it comes from nowhere."""

    @property
    def target(self) -> Any:
        """What is to be predicted of it; None when that is not known."""

    @property
    def texts(self) -> Hashable:
        """The input without the target: equal for equal inputs."""

    @property
    def shown(self) -> str:
        """The input for people."""


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

    @property
    def shown(self) -> str:
        """The text, or both with a bar between them."""
        return self.text if self.text_pair is None else f"{self.text} | {self.text_pair}"


@dataclass(frozen=True)
class ExampleFile(Generic[ExampleType]):
    """The examples of a file, and what is odd about it (sentences for people)."""

    path: Path
    examples: list[ExampleType]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.examples)

    def error(
        self, expected: str, got: object = None, *, line: int | None = None, hint: str | None = None
    ) -> InputError:
        """A :class:`TableError` about this file."""
        return TableError.at(self.path, expected, got, line=line, hint=hint)


def drawn(file: ExampleFile[ExampleType], count: int | None) -> ExampleFile[ExampleType]:
    """At most ``count`` examples of ``file``: always the same ones, in their order."""
    if count is None or count >= len(file):
        return file
    chosen = generator(0, "training rows").permutation(len(file))[:count]
    return replace(file, examples=[file.examples[place] for place in sorted(chosen.tolist())])


@dataclass(frozen=True, slots=True)
class InputRow:
    """A row whose answer is asked for."""

    line: int
    """Where it begins in its file, from 1."""
    input: Any
    """What the task's ``encode`` takes; None when the row is unusable."""
    problem: InputError | None = None
    """Why it is."""


@dataclass(frozen=True)
class InputStream:
    """The rows of a file whose answers are asked for: streamed, the unusable ones set apart."""

    columns: Columns
    """What was read, settled."""
    guess: str | None
    """What was guessed about the columns (a sentence)."""
    rows: Callable[[], Iterator[InputRow]]
    """A new pass over the file."""


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


def labelled_rows(
    chosen: ChosenTable, read_target: Callable[[Table, int, str, object], Target]
) -> ExampleFile[Example[Target]]:
    """Every row of a table of texts or pairs; with targets when a column of labels was chosen.

    Args:
        read_target: gives the target in a cell, of table, line, column and cell.

    Raises:
        TableError: no rows; an empty text; what ``read_target`` refuses.
    """
    columns, table = chosen.columns, chosen.table
    text, pair, label = columns.text, columns.text_pair, columns.label
    if text is None:
        raise table.error("a column with the text", hint=table.listing)
    examples: list[Example[Target]] = []
    for row in table.rows(columns.given):
        cells = iter(row.cells)
        first = text_cell(table, row.line, text, next(cells))
        second = None if pair is None else text_cell(table, row.line, pair, next(cells))
        target = None if label is None else read_target(table, row.line, label, next(cells))
        examples.append(Example(first, second, target, row.line))
    require_rows(chosen, examples)
    return ExampleFile(table.path, examples, warnings_of(chosen, examples))


def text_stream(chosen: ChosenTable) -> InputStream:
    """The texts or pairs of a table."""
    columns, table = chosen.columns, chosen.table
    wanted = [column for column in (columns.text, columns.text_pair) if column is not None]

    def texts(row: Row) -> str | tuple[str, str]:
        first = text_cell(table, row.line, wanted[0], row.cells[0])
        return first if len(wanted) == 1 else (first, text_cell(table, row.line, wanted[1], row.cells[1]))

    def rows() -> Iterator[InputRow]:
        return (input_row(row, texts) for row in table.rows(wanted, lenient=True))

    return InputStream(columns, chosen.guess, rows)


def input_row(row: Row, read: Callable[[Row], Any]) -> InputRow:
    """``row`` as ``read`` understands it, or with the reason why it cannot be used."""
    if row.problem is not None:
        return InputRow(row.line, None, row.problem)
    try:
        return InputRow(row.line, read(row))
    except InputError as problem:
        return InputRow(row.line, None, problem)


def text_inputs(rows: Sequence[Any], columns: Columns) -> list[Any]:
    """``rows``, each found to be a text or a pair of texts, whichever the task has.

    Args:
        columns: of the training table; without any (another library's model) a row may be either.

    Raises:
        InputError: one is not, or is empty.
    """
    for number, row in enumerate(rows):
        texts = row if isinstance(row, (tuple, list)) else (row,)
        if len(texts) not in (1, 2) or not isinstance(texts[0], str) or not texts[0].strip():
            raise InputError(f"row {number}: expected a text or a pair of texts, got {quote(row)}")
        is_pair = len(texts) == 2 and texts[1] is not None
        if is_pair and not isinstance(texts[1], str):
            raise InputError(f"row {number}: expected a pair of texts, got {quote(row)}")
        if columns.text is not None and is_pair != (columns.text_pair is not None):
            trained = "one text" if is_pair else "a pair of texts"
            raise InputError(f"row {number}: expected {trained}, as in training, got {quote(row)}")
    return list(rows)


def warnings_of(chosen: ChosenTable, examples: Sequence[Example[Target]]) -> tuple[str, ...]:
    """What is odd about one file: blank rows, equal pairs, the same text with different targets."""
    name = chosen.table.path.name
    found = list(blank_warning(name, chosen.table.blank_lines))
    equal = [example for example in examples if example.text == example.text_pair]
    if equal:
        found.append(
            f"{name}: {counted(len(equal), 'row')} with two equal texts, the first at line {equal[0].line}"
        )
    return (*found, *conflict_warning(name, examples))


def blank_warning(name: str, blank_lines: Sequence[int]) -> tuple[str, ...]:
    """A warning when lines of the file called ``name`` were passed over because they are blank."""
    if not blank_lines:
        return ()
    return (f"{name}: skipped {counted(len(blank_lines), 'blank line')}, the first is line {blank_lines[0]}",)


def conflict_warning(name: str, examples: Sequence[AnyExample]) -> tuple[str, ...]:
    """A warning when the same input has different targets in the file called ``name``."""
    conflicts = conflicting(examples)
    if not conflicts:
        return ()
    first, other = conflicts[0]
    return (
        f"{name}: {counted(len(conflicts), 'text')} with different labels, "
        f"the first at lines {first.line} ({first.target}) and {other.line} ({other.target})",
    )


def conflicting(examples: Iterable[ExampleType]) -> list[tuple[ExampleType, ExampleType]]:
    """For each input that has several targets: its first row, and the first that differs from it."""
    first: dict[Hashable, ExampleType] = {}
    conflicts: dict[Hashable, tuple[ExampleType, ExampleType]] = {}
    for example in examples:
        earlier = first.setdefault(example.texts, example)
        if earlier.target != example.target:
            conflicts.setdefault(example.texts, (earlier, example))
    return list(conflicts.values())


def overlap_warning(train: ExampleFile[Any], dev: ExampleFile[Any]) -> tuple[str, ...]:
    """A warning when rows of ``dev`` are in ``train`` too: they measure memory, not learning."""
    seen = {example.texts for example in train.examples}
    repeated = [example for example in dev.examples if example.texts in seen]
    if not repeated:
        return ()
    share = f"{counted(len(repeated), 'row')} ({len(repeated) / len(dev.examples):.1%})"
    return (f"{dev.path.name}: {share} also in {train.path.name}, the first at line {repeated[0].line}",)
