"""Rows of text with numbers: what is a number, and what a file of numbers can be trained on."""

from __future__ import annotations

import math
import re
from statistics import fmean

from bertwright.errors import counted, quote
from bertwright.tables.columns import ChosenTable
from bertwright.tables.table import Table
from bertwright.tasks.examples import Example, ExampleFile, labelled_rows
from bertwright.tasks.regress.settings import RegressSettings

NumberExample = Example[float]
SCORES = (
    "score",
    "label",
    "similarity",
    "similarity_score",
    "relatedness_score",
    "rating",
    "stars",
    "target",
    "value",
)
"""Names by which the column of numbers is guessed."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
LARGEST = 1e30
"""Beyond this a float32 model cannot compute squares or sums of such numbers."""
FINEST = 1e5
"""Numbers further from zero than so many deviations lose a hundredth of a deviation in float32."""
_SHOWN = 3


def read_numbers(chosen: ChosenTable, settings: RegressSettings) -> ExampleFile[NumberExample]:
    """Every row of a table as an example; with numbers when a column of them was chosen.

    Raises:
        TableError: no rows; an empty text; a label that is no finite number.
    """
    file = labelled_rows(chosen, number_cell)
    warnings = (*file.warnings, *range_warning(file, settings))
    return ExampleFile(file.path, file.examples, warnings)


def number_cell(table: Table, line: int, column: str, cell: object) -> float:
    """The number in ``cell``.

    Raises:
        TableError: it is empty, null, a truth value, a text, not finite, or has a stray space.
    """
    expected = "a finite number"
    if isinstance(cell, str):
        if not cell.strip():
            hint = "rows without labels can only be predicted"
            raise table.error("a number", "an empty label", line=line, column=column, hint=hint)
        if cell != cell.strip():
            hint = "take the space away"
            raise table.error(f"the number {quote(cell.strip())}", cell, line=line, column=column, hint=hint)
        if not _NUMBER.fullmatch(cell):
            dotted = f"write {cell.replace(',', '.')}" if _COMMA.fullmatch(cell) else None
            raise table.error(expected, cell, line=line, column=column, hint=dotted)
        value = float(cell)
    elif isinstance(cell, (int, float)) and not isinstance(cell, bool):
        value = float(cell) if abs(cell) <= LARGEST else math.inf
    else:
        raise table.error(expected, "null" if cell is None else cell, line=line, column=column)
    if not math.isfinite(value) or abs(value) > LARGEST:
        got = cell if isinstance(cell, (str, float)) else "a number of more than 30 digits"
        raise table.error(expected, got, line=line, column=column)
    return value


def spread_of(train: ExampleFile[NumberExample]) -> tuple[float, float]:
    """Mean and standard deviation (of the population) of the numbers of a training file.

    Raises:
        TableError: all of them are equal, so that there is nothing to learn.
    """
    numbers = [example.target or 0.0 for example in train.examples]
    if min(numbers) == max(numbers):
        raise train.error("labels that differ", f"only {numbers[0]:g}")
    mean = fmean(numbers)
    deviation = math.sqrt(fmean((number - mean) ** 2 for number in numbers))
    if not deviation > 0.0:
        raise train.error("labels that differ", f"differences too small to square, near {mean:g}")
    return mean, deviation


def range_warning(file: ExampleFile[NumberExample], settings: RegressSettings) -> tuple[str, ...]:
    """A warning when numbers lie outside the declared range."""
    low = -math.inf if settings.minimum is None else settings.minimum
    high = math.inf if settings.maximum is None else settings.maximum
    outside = [row for row in file.examples if row.target is not None and not low <= row.target <= high]
    if not outside:
        return ()
    shown = ", ".join(f"line {row.line} ({row.target:g})" for row in outside[:_SHOWN])
    count = counted(len(outside), "label")
    return (f"{file.path.name}: {count} outside the range {low:g} to {high:g}: {shown}",)


def coarseness_warning(file: ExampleFile[NumberExample], mean: float, deviation: float) -> tuple[str, ...]:
    """A warning when the numbers differ too little for their size: a float32 model rounds them."""
    if abs(mean) <= FINEST * deviation:
        return ()
    what = (
        f"labels near {mean:g} differ by {deviation:g} only, which a model's float32 cannot tell apart well"
    )
    return (f"{file.path.name}: {what}: subtract a constant from them",)
