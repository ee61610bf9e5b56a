"""Versions of what decides, beside this package, which ids a text becomes."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from bertwright.data.prepare_settings import PrepareSettings
from bertwright.data.sentences import splitter_version
from bertwright.errors import RunError


@dataclass(frozen=True)
class Versions:
    """Those that a preparation works with, on whatever machines it makes its parts."""

    unicode: str
    """Of Python's table of characters, by which the tokenizer tells letters, marks and blanks apart."""
    splitter: str | None = None
    """Of sentencex, where it finds the sentences."""
    segmenter: str | None = None
    """Of what finds the words, where any are looked for."""

    @classmethod
    def here(cls, settings: PrepareSettings, segmenter: str | None) -> Versions:
        """Those of this process, which has ``segmenter`` for words."""
        return cls(unicodedata.unidata_version, splitter_version(settings.language), segmenter)

    def require(self, settings: PrepareSettings) -> None:
        """Refuse a process with another table of characters, or other rules for sentences.

        Raises:
            RunError: naming what differs.
        """
        here = Versions.here(settings, self.segmenter)
        for name, expected, found in (
            ("Unicode of Python", self.unicode, here.unicode),
            ("sentencex", self.splitter, here.splitter),
        ):
            if found != expected:
                raise RunError(f"{name}: expected {expected} on every machine, got {found}")

    def told(self, settings: PrepareSettings) -> dict[str, Any]:
        """As JSON values; what is not used is left out."""
        told: dict[str, Any] = {"unicode": self.unicode}
        if self.splitter is not None:
            told["splitter"] = f"sentencex {self.splitter}"
        if settings.words is not None:
            told["words"] = {"segmenter": settings.words, "version": self.segmenter}
        return told
