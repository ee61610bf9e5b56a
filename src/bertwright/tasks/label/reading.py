"""Rows with any number of labels: lists, or text with a separator."""

from __future__ import annotations

from functools import partial
from itertools import chain

from bertwright.errors import listed, quote
from bertwright.tables.columns import ChosenTable
from bertwright.tables.table import Table
from bertwright.tasks.classify.reading import label_cell, order_labels
from bertwright.tasks.examples import Example, ExampleFile, labelled_rows

LabelExample = Example[tuple[str, ...]]
SEPARATOR = ","


def read_labels(chosen: ChosenTable, separator: str) -> ExampleFile[LabelExample]:
    """Every row of a table as an example; with its labels, in order, when a column of them was chosen.

    Raises:
        TableError: no rows; an empty text; a label that is none, or stands twice in a row.
    """
    return labelled_rows(chosen, partial(labels_cell, separator=separator))


def labels_cell(table: Table, line: int, column: str, cell: object, *, separator: str) -> tuple[str, ...]:
    """The labels in ``cell``, a list or a text; an empty one has none.

    Raises:
        TableError: it is neither, or one of the labels is no label or stands twice.
    """
    if isinstance(cell, str):
        if cell.strip().startswith("[") and cell.strip().endswith("]"):
            hint = "lists are for JSON lines and Parquet"
            expected = f"labels with {quote(separator)} between them"
            raise table.error(expected, cell, line=line, column=column, hint=hint)
        parts: list[object] = [part.strip() for part in cell.split(separator)] if cell.strip() else []
    elif isinstance(cell, (list, tuple)):
        parts = list(cell)
    else:
        got = "null" if cell is None else cell
        raise table.error("a list of labels", got, line=line, column=column)
    labels = [label_cell(table, line, column, part) for part in parts]
    repeated = next((label for label in labels if labels.count(label) > 1), None)
    if repeated is not None:
        raise table.error("each label once", repeated, line=line, column=column)
    return order_labels(labels)


def labels_of(train: ExampleFile[LabelExample]) -> tuple[str, ...]:
    """The labels of a training file, in order.

    Raises:
        TableError: there are none, or all rows have the same.
    """
    labels = order_labels(chain.from_iterable(example.target or () for example in train.examples))
    if len({example.target for example in train.examples}) < 2:
        raise train.error("rows with different labels", f"only {', '.join(labels) or 'rows without labels'}")
    return labels


def check_labels(file: ExampleFile[LabelExample], labels: tuple[str, ...]) -> None:
    """Refuse a file with a label that the model does not know.

    Raises:
        TableError: naming the first row that has one.
    """
    known = set(labels)
    for example in file.examples:
        unknown = next((label for label in example.target or () if label not in known), None)
        if unknown is not None:
            shown = listed([*map(quote, labels)])
            hint = "it was never seen in training"
            raise file.error(f"labels among {shown}", unknown, line=example.line, hint=hint)


def holds_lists(chosen: ChosenTable) -> bool:
    """Whether the first row of a table has a list for its label."""
    label = chosen.columns.label
    if label is None:
        return False
    first = next(chosen.table.rows([label], lenient=True), None)
    return first is not None and first.problem is None and isinstance(first.cells[0], (list, tuple))
