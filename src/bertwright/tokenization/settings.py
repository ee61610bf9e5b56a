"""The choices that turn text into words; they are stored beside every vocabulary."""

from __future__ import annotations

from pydantic import Field

from bertwright.config.settings import Settings


class TokenizerSettings(Settings):
    """How text becomes words. The defaults are those of the uncased English BERT."""

    do_lower_case: bool = True
    """Lower-case the text (and, unless ``strip_accents`` says otherwise, remove accents)."""
    strip_accents: bool | None = None
    """Remove accents; when not given, exactly when lower-casing, as the original does."""
    tokenize_chinese_chars: bool = True
    """Make every CJK ideograph a word of its own."""
    max_input_chars_per_word: int = Field(default=200, ge=1, le=100_000)
    """A word with more characters (counted after lower-casing and stripping) becomes one ``[UNK]``."""

    @property
    def strips_accents(self) -> bool:
        """Whether accents are removed, the default resolved."""
        return self.do_lower_case if self.strip_accents is None else self.strip_accents
