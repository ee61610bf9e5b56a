"""Labelled rows for classification: labels are names, whatever the file format calls them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from bertwright.errors import listed, quote
from bertwright.tables.columns import ChosenTable
from bertwright.tables.table import Table
from bertwright.tasks.examples import Example, ExampleFile, labelled_rows

ClassExample = Example[str]
_DECIMAL = re.compile(r"[+-]?\d+\.\d*(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(r"-?\d+")
UNLABELLED = "-1"
"""What the published GLUE files have for a label in their test sets."""


def read_examples(chosen: ChosenTable) -> ExampleFile[ClassExample]:
    """Every row of a table as an example; with labels when a column of labels was chosen.

    Raises:
        TableError: no rows; an empty text or label; a label with a stray space or a decimal point.
    """
    return labelled_rows(chosen, label_cell)


def label_cell(table: Table, line: int, column: str, cell: object) -> str:
    """The name of the class in ``cell``: a text as it is, a whole number or truth value as text.

    Raises:
        TableError: it is empty, null, a list, a decimal number, or has a stray space.
    """
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        cell = repr(cell)
    if not isinstance(cell, str):
        raise table.error("a label", "null" if cell is None else cell, line=line, column=column)
    if not cell.strip():
        hint = "rows without labels can only be predicted"
        raise table.error("a label", "an empty one", line=line, column=column, hint=hint)
    if cell != cell.strip():
        hint = "take the space away"
        raise table.error(f"the label {quote(cell.strip())}", cell, line=line, column=column, hint=hint)
    if _DECIMAL.fullmatch(cell):
        whole = cell.split(".")[0]
        hint = f"write {whole}" if set(cell.split(".")[1]) <= {"0"} else "a class is a name or a whole number"
        raise table.error("a class", cell, line=line, column=column, hint=hint)
    return cell


def order_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """The distinct labels in their one order: whole numbers by value, otherwise names by code point."""
    distinct = set(labels)
    if all(_WHOLE.fullmatch(label) for label in distinct):
        return tuple(sorted(distinct, key=lambda label: (int(label), label)))
    return tuple(sorted(distinct))


def labels_of(train: ExampleFile[ClassExample]) -> tuple[str, ...]:
    """The classes of a training file, in order.

    Raises:
        TableError: there is only one class.
    """
    labels = order_labels(_target(example) for example in train.examples)
    if len(labels) < 2:
        hint = "this is an unlabelled test file" if labels == (UNLABELLED,) else None
        raise train.error("at least two different labels", f"only {labels[0]!r}", hint=hint)
    return labels


def check_labels(file: ExampleFile[ClassExample], labels: tuple[str, ...]) -> None:
    """Refuse a file with a label that the model does not know.

    Raises:
        TableError: naming the first row that has one.
    """
    known = set(labels)
    for example in file.examples:
        if example.target not in known:
            shown = listed([*map(quote, labels)])
            hint = (
                "this is an unlabelled test file"
                if example.target == UNLABELLED
                else "it was never seen in training"
            )
            raise file.error(f"a label among {shown}", example.target, line=example.line, hint=hint)


def rare_label_warning(file: ExampleFile[ClassExample], header_is_missing: bool) -> tuple[str, ...]:
    """A warning when the first row of a file without header has a label of its own: it is the header."""
    counts = Counter(_target(example) for example in file.examples)
    first = file.examples[0]
    if header_is_missing and counts[_target(first)] == 1 and len(file) > len(counts):
        what = f"the label {first.target!r} stands in the first row only"
        return (f"{file.path.name}: {what}; if that row is a header, name columns instead of numbering them",)
    return ()


def _target(example: ClassExample) -> str:
    return "" if example.target is None else example.target
