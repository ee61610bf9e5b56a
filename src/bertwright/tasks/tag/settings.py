"""What is to be chosen for tagging."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bertwright.config.settings import Settings


class TagSettings(Settings):
    """How tags are read, and how long sentences are cut into windows."""

    stride: Annotated[int, Field(ge=1)] | None = None
    """A sentence longer than a row is cut into windows that begin about so many pieces apart; by default
    half a row, so that every word has context on both sides."""
    repair_bio: bool = False
    """Turn an ``I-`` that follows no entity of its type into ``B-``, instead of keeping it as it is."""
    last_column: bool | None = None
    """Of a file with one word a line take the last column for the tags where several could be them; else
    which one is to be said."""
