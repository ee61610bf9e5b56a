"""Argument types that several commands share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token

from bertwright.errors import quote
from bertwright.training.choices import DeviceName


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """What every command takes."""

    json: bool = False
    """Print one machine-readable object on stdout; text for people goes to stderr."""
    quiet: bool = False
    """No progress and no remarks."""


def _whole(_type: Any, tokens: Sequence[Token]) -> int:
    text = tokens[0].value
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit():
        hint = ""
        try:
            value = float(text)
            if "_" not in text and value == int(value):
                hint = f" (write {int(value)})"
        except (ValueError, OverflowError):
            pass
        raise ValueError(f"expected a whole number, got {quote(text)}{hint}")
    return int(text)


def _real(_type: Any, tokens: Sequence[Token]) -> float:
    text = tokens[0].value
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if "_" in text or not text.isascii() or not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {quote(text)}")
    return value


def _at_least(minimum: int) -> Any:
    def check(_type: Any, value: Any) -> None:
        if isinstance(value, int) and value < minimum:
            raise ValueError(f"expected at least {minimum}, got {value}")

    return check


def _between(lowest: float, highest: float) -> Any:
    def check(_type: Any, value: Any) -> None:
        if isinstance(value, float) and not lowest <= value <= highest:
            raise ValueError(f"expected a number from {lowest:g} to {highest:g}, got {value:g}")

    return check


Device = Annotated[DeviceName, Parameter(help="Where to compute; auto takes a GPU where there is one.")]
"""Where a model computes."""

TrainingDevice = Annotated[
    DeviceName | None,
    Parameter(help="Where to train; by default auto: a GPU where there is one."),
]
"""Where a model learns; the setting ``device``."""

PrecisionChoice = Literal["auto", "fp32", "bf16", "int8"]

Precision = Annotated[
    PrecisionChoice,
    Parameter(
        help="Of the matrix products; auto takes bf16 where the device is faster at it, else fp32. "
        "int8 is fastest on processors with VNNI, and rounds."
    ),
]
"""What a model multiplies in."""

Pooling = Literal["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
"""How the vectors of a text's tokens become one."""

TextColumn = Annotated[str | None, Parameter(help="The column with the texts, or its number from 1.")]
"""Of a labelled file, as are the next two."""

CorpusColumn = Annotated[
    str, Parameter(name=["--text", "--text-field"], help="Column or key of the text, in formats with one.")
]
"""Of a corpus; the second is its earlier name."""

PairColumn = Annotated[str | None, Parameter(help="The column with the second texts of pairs.")]

LabelColumn = Annotated[str | None, Parameter(help="The column with the labels.")]

ColumnNames = Annotated[
    str | None, Parameter(help="Names for the columns of a file without header, separated by commas.")
]
"""What such a file cannot say itself."""

TableFormat = Annotated[
    str,
    Parameter(
        help="tsv, csv, jsonl or parquet; of answer also squad, of tag also conll and (predict) text; "
        "by default by the file's name."
    ),
]
"""Of a single file."""

Whole = Annotated[int, Parameter(converter=_whole, validator=_at_least(0))]
"""A whole number of at least 0: digits only, so that ``1e4`` and ``1_000`` are refused with a hint."""

Count = Annotated[int, Parameter(converter=_whole, validator=_at_least(1))]
"""A whole number of at least 1."""

Real = Annotated[float, Parameter(converter=_real)]
"""A finite number: ``inf``, ``nan`` and ``1_000`` are refused."""

Share = Annotated[float, Parameter(converter=_real, validator=_between(0.0, 1.0))]
"""A finite number from 0 to 1."""
