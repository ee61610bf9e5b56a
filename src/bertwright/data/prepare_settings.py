"""How a corpus becomes a store; kept in the store's manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from bertwright.config.settings import Settings
from bertwright.corpus import Corpus, find_corpus
from bertwright.corpus.formats import Format
from bertwright.corpus.lines import MAX_LINE_BYTES

SegmenterName = Literal["rjieba"]
"""rjieba: Rust bindings of jieba (a dictionary, and a hidden Markov model for what is not in it)."""


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
    words: SegmenterName | None = None
    """What finds the words of text without blanks; None: every ideograph is a word."""

    def find(self, corpus: Sequence[str | Path], *, output: Path) -> Corpus:
        """The files of ``corpus``, to be read in this way; see :func:`bertwright.corpus.find_corpus`."""
        return find_corpus(
            corpus,
            format=self.format,
            text_field=self.text_field,
            max_line_bytes=self.max_line_bytes,
            output=output,
        )

    def told(self) -> dict[str, Any]:
        """As JSON values; ``words`` only where they are found."""
        return self.model_dump(mode="json", exclude={"words"} if self.words is None else None)
