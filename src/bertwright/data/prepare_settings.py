"""How a corpus becomes a store; kept in the store's manifest."""

from __future__ import annotations

from pydantic import Field

from bertwright.config.settings import Settings
from bertwright.corpus.formats import Format
from bertwright.corpus.lines import MAX_LINE_BYTES


class PrepareSettings(Settings):
    """What decides, beside corpus and tokenizer, which ids a store holds."""

    format: Format = "auto"
    """How documents stand in the files."""
    text_field: str = Field(default="text", min_length=1)
    """Column or key of the text, in formats with one."""
    language: str | None = "en"
    """Language whose rules find the sentences; None: each line is one sentence."""
    max_line_bytes: int = Field(default=MAX_LINE_BYTES, ge=1, le=1 << 30)
    """Longer lines are refused."""
