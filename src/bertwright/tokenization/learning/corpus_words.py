"""The words of a corpus to learn from, and those to measure on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bertwright.corpus import find_corpus
from bertwright.corpus.lines import MAX_LINE_BYTES
from bertwright.errors import CorpusError
from bertwright.progress import Progress
from bertwright.tokenization.learning.counting import CorpusCounts, Reading, WordCounts, count_words
from bertwright.tokenization.settings import TokenizerSettings

LEAST_HELD_OUT = 1_000
"""Held-out passages of fewer words measure nothing, and are given back to the corpus."""

THE_CORPUS = "the corpus itself (too small to hold text out)"
HELD_OUT = "held-out passages of the corpus"


@dataclass(frozen=True)
class CorpusWords:
    """Counted words."""

    learned: WordCounts
    held_out: WordCounts
    """To measure on; none where the corpus is too small."""
    source: str
    """The name of the file that those are from; empty if they are passages of the corpus."""
    warnings: tuple[str, ...]

    @property
    def to_measure(self) -> tuple[WordCounts, str]:
        """Words to measure on, and which they are, for people."""
        if not len(self.held_out.words):
            return self.learned, THE_CORPUS
        return self.held_out, self.source or HELD_OUT


def read_words(
    corpus: Sequence[str | Path],
    settings: TokenizerSettings,
    *,
    held_out: str | Path | None = None,
    format: str = "auto",
    text_field: str = "text",
    max_line_bytes: int = MAX_LINE_BYTES,
    workers: int | None = None,
    output: str | Path | None = None,
    progress: Progress | None = None,
) -> CorpusWords:
    """Count the words of the files and directories of ``corpus``; the arguments are those of
    :func:`~bertwright.tokenization.learning.learn.learn_vocabulary`.

    Raises:
        CorpusError: the text cannot be read, or has no words.
        WorkerError, RunError: it failed on the way.
    """
    find = partial(find_corpus, format=format, text_field=text_field, max_line_bytes=max_line_bytes)
    found = find(corpus, output=Path(output) if output is not None else None)
    apart = find([held_out], apart_from=found) if held_out is not None else None
    reading = Reading(settings, hold_out=apart is None)
    counted = count_words(found, reading, workers=workers, progress=progress)
    if apart is not None:
        counted = CorpusCounts(counted.learned, count_words(apart, reading.whole(), workers=1).learned)
    source = Path(held_out).name if held_out is not None else ""
    learned, measured = counted.learned, counted.held_out
    if not source and measured.total < LEAST_HELD_OUT:
        learned, measured = learned + measured, WordCounts.of({})
    if not len(learned.words):
        raise CorpusError("expected text, got a corpus without a single word")
    return CorpusWords(learned, measured, source, (*found.warnings, *(apart.warnings if apart else ())))
