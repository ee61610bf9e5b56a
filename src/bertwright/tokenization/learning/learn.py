"""From a corpus to a vocabulary: count, learn, measure, write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bertwright import durable
from bertwright.corpus.lines import MAX_LINE_BYTES
from bertwright.errors import UsageError, VocabularyError
from bertwright.progress import Progress, Silent
from bertwright.tokenization.learning.alphabet import Alphabet
from bertwright.tokenization.learning.corpus_words import CorpusWords, read_words
from bertwright.tokenization.learning.counting import WordCounts
from bertwright.tokenization.learning.learner import LearnedPieces, learn_pieces
from bertwright.tokenization.learning.report import (
    Fit,
    VocabularyReport,
    longest_pieces,
    measure,
    rarest_pieces,
)
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import CONTINUATION, MAX_TOKENS, SPECIAL_TOKENS, Vocabulary

KIND = "vocabulary"
REPORT = "report.json"


@dataclass(frozen=True)
class LearnedVocabulary:
    """A vocabulary, how text becomes its words, and how good it is."""

    vocabulary: Vocabulary
    settings: TokenizerSettings
    report: VocabularyReport
    warnings: tuple[str, ...] = field(default=())

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that uses it."""
        return Tokenizer(self.vocabulary, self.settings)

    def save(self, output: str | Path, *, overwrite: bool = False) -> None:
        """Write the tokenizer files, which ``transformers`` opens, too, and ``report.json`` into a new
        folder.

        Raises:
            OutputExistsError, OutputBusyError, UsageError: nothing was written.
            DiskError: the file system refused; what was there is untouched.
        """
        with (
            durable.lock(output),
            durable.NewDirectory(output, kind=KIND, overwrite=overwrite) as new,
        ):
            for name, data in self.tokenizer().files().items():
                new.write(name, data)
            new.write(REPORT, json.dumps(self.report.as_json(), ensure_ascii=False, indent=1) + "\n")
            new.manifest["size"] = len(self.vocabulary)
            new.manifest["tokenizer_digest"] = self.tokenizer().digest


def learn_vocabulary(
    corpus: Sequence[str | Path],
    *,
    size: int = 30522,
    settings: TokenizerSettings | None = None,
    min_count: int = 1,
    held_out: str | Path | None = None,
    format: str = "auto",
    text_field: str = "text",
    max_line_bytes: int = MAX_LINE_BYTES,
    workers: int | None = None,
    output: str | Path | None = None,
    progress: Progress | None = None,
) -> LearnedVocabulary:
    """Learn a WordPiece vocabulary from the files and directories of ``corpus``.

    The result depends on the text and the settings alone: not on the order of the files, nor on ``workers``.

    Args:
        corpus: files and directories; see :mod:`bertwright.corpus`.
        size: number of tokens, the five special ones among them.
        settings: how text becomes words; by default lower-cased, without accents.
        min_count: words that occur less often are passed over.
        held_out: a file to measure on; by default one passage in 128 is kept from learning for that.
        format: ``auto``, ``text``, ``jsonl``, ``csv``, ``tsv`` or ``parquet``.
        text_field: column or key of the text, in formats with one.
        max_line_bytes: longer lines are refused.
        workers: processes that count; by default one a core where the corpus is large.
        output: where the vocabulary will be saved, only to refuse it early: it must not lie in the corpus,
            nor hold any of it.

    Raises:
        CorpusError: the text cannot be read, or has no words.
        VocabularyError: ``min_count`` is above every count.
        UsageError: ``size``, ``min_count`` or ``workers`` is out of range, or ``output`` is, or holds,
            what is read.
        WorkerError, RunError: it failed on the way.
    """
    _check(size, min_count, workers)
    if output is not None:
        for path in (*corpus, *([] if held_out is None else [held_out])):
            durable.require_elsewhere(output, path)
    settings = settings or TokenizerSettings()
    watch = progress or Silent()
    words = read_words(
        corpus,
        settings,
        held_out=held_out,
        format=format,
        text_field=text_field,
        max_line_bytes=max_line_bytes,
        workers=workers,
        output=output,
        progress=watch,
    )
    return _Job(words, settings, size, min_count).learn(watch)


def _check(size: int, min_count: int, workers: int | None) -> None:
    if not len(SPECIAL_TOKENS) < size <= MAX_TOKENS:
        least = len(SPECIAL_TOKENS) + 1
        raise UsageError(
            f"--size: expected {least} to {MAX_TOKENS:,} (special tokens included), got {size:,}"
        )
    if min_count < 1:
        raise UsageError(f"--min-count: expected at least 1, got {min_count}")
    if workers is not None and workers < 0:
        raise UsageError(f"--workers: expected at least 0, got {workers}")


class _Job:
    def __init__(self, words: CorpusWords, settings: TokenizerSettings, size: int, min_count: int) -> None:
        self._words, self._settings, self._size, self._min_count = words, settings, size, min_count

    def learn(self, watch: Progress) -> LearnedVocabulary:
        """Learn and measure."""
        warnings = self._words.warnings
        words = self._words.learned.at_least(self._min_count)
        if not len(words.words):
            most = int(self._words.learned.counts.max())
            expected = f"expected at most {most:,}, the count of the most frequent word"
            raise VocabularyError(f"--min-count: {expected}, got {self._min_count:,}")
        room = self._size - len(SPECIAL_TOKENS)
        more = None if self._words.source else self._words.held_out.at_least(self._min_count)
        learned = learn_pieces(words, room, self._settings, more=more, progress=watch)
        vocabulary = Vocabulary.from_tokens([*SPECIAL_TOKENS, *learned.pieces])
        if len(vocabulary) < self._size:
            fewer = (
                f"asked for {self._size:,} tokens, found {len(vocabulary):,}: the corpus has no more pieces"
            )
            warnings = (*warnings, fewer)
        report = self._report(vocabulary, learned, words)
        return LearnedVocabulary(vocabulary, self._settings, report, warnings)

    def _report(self, vocabulary: Vocabulary, learned: LearnedPieces, words: WordCounts) -> VocabularyReport:
        fit, measured_on = self._fit(vocabulary, words)
        order = sorted(range(len(learned.alphabet)), key=lambda i: (-learned.alphabet.counts[i], i))
        continuations = sum(piece.startswith(CONTINUATION) for piece in learned.pieces)
        return VocabularyReport(
            size=len(vocabulary),
            requested_size=self._size,
            measured_on=measured_on,
            corpus_words=words.total,
            corpus_distinct_words=len(words.words),
            fit=fit,
            alphabet=tuple(chr(learned.alphabet.codes[i]) for i in order),
            word_starts=len(learned.pieces) - continuations,
            continuations=continuations,
            longest=longest_pieces(learned.pieces),
            rarest=rarest_pieces(learned.pieces[len(learned.pieces) - len(learned.uses) :], learned.uses),
        )

    def _fit(self, vocabulary: Vocabulary, words: WordCounts) -> tuple[Fit, str]:
        longest = self._settings.max_input_chars_per_word
        measured, measured_on = self._words.to_measure
        if self._words.source or not len(self._words.held_out.words):
            return measure(vocabulary, measured, longest), measured_on
        # Characters that only the held-out passages have are in the alphabet, but nobody knew them there.
        both = (self._words.held_out, words)
        there, here = (Alphabet.of([counts], self._settings).codes for counts in both)
        strange = map(chr, np.setdiff1d(there, here))
        return measure(vocabulary, measured, longest, strange), measured_on
