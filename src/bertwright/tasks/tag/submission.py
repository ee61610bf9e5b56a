"""Predictions as a file of the CoNLL form: what ``conlleval.pl`` and its relatives read."""

from __future__ import annotations

import re
from collections.abc import Sequence

_GAP = re.compile(r"\s+")


def conll_lines(words: Sequence[str], tags: Sequence[str]) -> str:
    """A line for each word of a sentence, the word and its tag with a blank between them; then a blank line.

    White space within a word becomes ``_``.
    """
    lines = [f"{_GAP.sub('_', word)} {tag}\n" for word, tag in zip(words, tags, strict=True)]
    return "".join(lines) + "\n"
