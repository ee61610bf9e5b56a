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

    That is right for Chinese and too many for English. A text has at least one.
    """
    texts = list(texts_of(row))
    whole = "".join(texts)
    signs = sum(map(whole.count, string.punctuation))
    return 3 + signs + len(texts) + (len(whole.encode()) - signs) // 3
