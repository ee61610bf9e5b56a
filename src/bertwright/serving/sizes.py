"""How large a row is, before anything has looked at it."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any


def texts_of(row: Any) -> Iterator[str]:
    """All texts of a row."""
    if isinstance(row, str):
        yield row
    elif row is not None:
        for part in row.values() if isinstance(row, dict) else row:
            yield from texts_of(part)


def characters(row: Any) -> int:
    """Of all texts of a row."""
    return sum(map(len, texts_of(row)))


def tokens_of(row: Any) -> int:
    """About how many tokens a row has: each sign of ASCII is one, and so are three other bytes.

    That is right for Chinese and too many for English.
    """
    return 3 + sum(map(_tokens_of_text, texts_of(row)))


def _tokens_of_text(text: str) -> int:
    signs = sum(map(text.count, string.punctuation))
    return signs + -(-(len(text.encode()) - signs) // 3)
