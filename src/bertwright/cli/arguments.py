"""Argument types that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter, Token


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
        raise ValueError(f'expected a whole number, got "{text}"{hint}')
    return int(text)


def _at_least(minimum: int) -> Any:
    def check(_type: Any, value: Any) -> None:
        if isinstance(value, int) and value < minimum:
            raise ValueError(f"expected at least {minimum}, got {value}")

    return check


Whole = Annotated[int, Parameter(converter=_whole, validator=_at_least(0))]
"""A whole number of at least 0: digits only, so that ``1e4`` and ``1_000`` are refused with a hint."""

Count = Annotated[int, Parameter(converter=_whole, validator=_at_least(1))]
"""A whole number of at least 1."""
