"""A corpus and a vocabulary -> a token store: in parallel, in bounded memory, the same bytes every time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bertwright
from bertwright import durable
from bertwright.config.settings import load
from bertwright.corpus import Corpus, split_work
from bertwright.corpus.lines import MAX_LINE_BYTES
from bertwright.data.counts import Counts
from bertwright.data.parts import Part, PartsFolder, PartTask, make_part
from bertwright.data.prepare_settings import PrepareSettings
from bertwright.data.segmenter import require_words
from bertwright.data.sentences import check_language
from bertwright.data.store import KIND, TokenStore
from bertwright.data.store_survey import has_joined
from bertwright.data.versions import Versions
from bertwright.errors import CorpusError, UsageError, encodable, shown_path
from bertwright.execution.engine import Engine, Need
from bertwright.execution.local import Local, default_workers
from bertwright.progress import Progress, Silent
from bertwright.tokenization.tokenizer import Tokenizer

_PARTS = 16  # a corpus is cut into about so many parts, within these limits:
_MIN_PART_BYTES = 4 << 20
_MAX_PART_BYTES = 32 << 20
_BYTES_A_WORKER = 16 << 20
_STORED_SHARE = 0.4  # bytes of ids for a byte of text, at least
_SHORT_DOCUMENTS_SHARE = 0.5


@dataclass(frozen=True)
class PrepareSummary:
    """What was prepared."""

    counts: Counts
    shards: int
    reused_parts: int
    """Parts that an earlier, stopped preparation had finished."""
    seconds: float
    output: Path
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The object that ``bertwright prepare --json`` prints."""
        counts = asdict(self.counts)
        return {
            **{name: counts[name] for name in ("documents", "sentences", "tokens", "bytes")},
            "shards": self.shards,
            "seconds": round(self.seconds, 3),
            "output": encodable(str(self.output)),
            "unknown_tokens": self.counts.unknown_tokens,
            "cut_sentences": self.counts.cut_sentences,
            "reused_parts": self.reused_parts,
            "warnings": list(self.warnings),
        }


def prepare(
    corpus: Sequence[str | Path],
    *,
    vocabulary: str | Path,
    output: str | Path,
    workers: int | None = None,
    one_sentence_per_line: bool = False,
    language: str = "en",
    format: str = "auto",
    text_field: str = "text",
    max_line_bytes: int = MAX_LINE_BYTES,
    words: str | None = None,
    masked_lm_only: bool = False,
    overwrite: bool = False,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> PrepareSummary:
    """Write the documents of ``corpus`` as ids into a new token store.

    The store's bytes depend on the corpus (files in the order given), the vocabulary, the settings and the
    versions of what finds characters, sentences and words, and on nothing else. A preparation that is
    stopped, is killed or fails leaves its finished parts in ``OUTPUT.partial``; the same call goes on from
    there.

    Args:
        corpus: files and directories; see :mod:`bertwright.corpus`.
        vocabulary: a folder with tokenizer files, or a bare ``vocab.txt``.
        output: the store to be made.
        workers: processes; by default one a core, and fewer for a small corpus. With more than one, a script
            that calls this needs the usual ``if __name__ == "__main__":``.
        one_sentence_per_line: lines are sentences already; ``language`` is then not used.
        language: whose rules find the sentences.
        format: ``auto``, ``text``, ``jsonl``, ``csv``, ``tsv`` or ``parquet``.
        text_field: column or key of the text, in formats with one.
        max_line_bytes: longer lines are refused.
        words: what finds the words of Chinese text for whole-word masking: ``rjieba``, or nothing.
        masked_lm_only: for masked LM alone: a single document, or all of one sentence, is then no mistake.
        overwrite: replace a store that is there, and the parts of another preparation that was stopped.
        engine: where parts are made, in place of ``workers`` processes here.
        progress: told how many bytes of the corpus are done.

    Raises:
        CorpusError, VocabularyError, UsageError, OutputExistsError, OutputBusyError: nothing was made; the
            parts stay of a corpus that ``masked_lm_only`` would accept.
        ResumeError: there are parts of another preparation; each difference is named.
        DiskError, WorkerError, RunError: it failed on the way; what existed before is untouched.
    """
    started = time.monotonic()
    target, watch = Path(output), progress or Silent()
    _check_output(target, overwrite, [*corpus, vocabulary])
    settings = load(
        PrepareSettings,
        overrides={
            "format": format,
            "text_field": text_field,
            "language": None if one_sentence_per_line else check_language(language),
            "max_line_bytes": max_line_bytes,
            "words": words,
        },
    ).value
    _check_workers(workers, engine)
    tokenizer = Tokenizer.load(vocabulary)
    versions = Versions.here(settings, require_words(words, tokenizer.settings) if words else None)
    found = settings.find(corpus, output=target)
    job = _Job(found, Path(vocabulary), tokenizer, settings, target, versions)
    with job.folder.held(overwrite):
        parts, reused = job.make_parts(engine or Local(_workers_for(found, workers)), watch)
        counts = Counts.total(part.counts for part in parts)
        if not counts.tokens:
            job.folder.discard()
            got = "nothing but blank lines and control characters"
            raise CorpusError(f"{found.name}: expected text, got {got}")
        if not masked_lm_only:
            job.require_pairs(counts)
        with _telling_what_stays(job.folder, watch):
            shards = job.commit([part for part in parts if part.counts.documents], counts, overwrite)
    warnings = (*found.warnings, *_warnings(counts, masked_lm_only), *job.warnings())
    return PrepareSummary(counts, shards, reused, time.monotonic() - started, target, warnings)


class _Job:
    def __init__(
        self,
        corpus: Corpus,
        vocabulary: Path,
        tokenizer: Tokenizer,
        settings: PrepareSettings,
        target: Path,
        versions: Versions,
    ) -> None:
        self._corpus = corpus
        self._vocabulary = vocabulary.absolute()
        self._tokenizer = tokenizer
        self._settings = settings
        self._target = target
        self._versions = versions
        self._part_bytes = min(max(corpus.text_bytes // _PARTS, _MIN_PART_BYTES), _MAX_PART_BYTES)
        self.folder = PartsFolder(target, self._request())

    def make_parts(self, engine: Engine, watch: Progress) -> tuple[list[Part], int]:
        """All parts in order, and how many were there already."""
        watch.start("preparing", self._corpus.stored_bytes, "bytes")
        finished = self.folder.find(watch)
        reused = len(finished)
        if reused:
            watch.say(f"going on: {reused:,} parts are there already")
        self._require_space(finished.values())
        with _telling_what_stays(self.folder, watch):
            self._make_missing(finished, engine, watch)
        watch.finish()
        return [finished[number] for number in sorted(finished)], reused

    def commit(self, parts: Sequence[Part], counts: Counts, overwrite: bool) -> int:
        """Make the store of the shards of ``parts``; returns their number."""
        names = [f"shard-{number:05d}.arrow" for number in range(len(parts))]
        with durable.NewDirectory(self._target, kind=KIND, overwrite=overwrite) as new:
            for name, part in zip(names, parts, strict=True):
                self.folder.link(part, new.path / name)
                self.folder.check(part, new.adopt(name))
            for name, data in self._tokenizer.files().items():
                new.write(name, data)
            new.manifest.update(
                {
                    "vocab_size": len(self._tokenizer.vocabulary),
                    **counts.figures(),
                    "vocabulary_digest": self._tokenizer.vocabulary.digest,
                    "tokenizer_digest": self._tokenizer.digest,
                    "settings": self._settings.told(),
                    "shards": names,
                    **self._versions.told(self._settings),
                }
            )
        return len(names)

    def require_pairs(self, counts: Counts) -> None:
        """Refuse text without pairs of sentences.

        Its parts stay: for masked LM they are what is wanted. Those of the mended text replace them.
        """
        if (found := _without_pairs(counts)) is not None:
            problem, remedy = found
            self.folder.tie_to("corpus")
            hint = f"{remedy}, then repeat; or --mlm-only for masked LM alone"
            raise CorpusError(f"{self._corpus.name}: {problem} ({hint})")

    def warnings(self) -> Iterator[str]:
        """What to say of the finished store."""
        words, store = self._settings.words, self._target
        # every shard was hashed when the store was put together
        if words and not has_joined(TokenStore.open(store, verify=False), self._tokenizer.vocabulary):
            yield (
                f"words: {words} found no word of several characters: it is for Chinese text (in others a "
                "word is what stands between blanks)"
            )

    def _require_space(self, finished: Iterable[Part]) -> None:
        """Refuse to go on where there is no room for the parts that are missing: the others are on disk."""
        missing = 1 - sum(part.stored_bytes for part in finished) / self._corpus.stored_bytes
        durable.check_free_space(self._target, int(missing * self._corpus.text_bytes * _STORED_SHARE))

    def _make_missing(self, finished: dict[int, Part], engine: Engine, watch: Progress) -> None:
        """Add all other parts to ``finished``."""
        tokens = sum(part.counts.tokens for part in finished.values())
        with closing(engine.map(make_part, self._tasks(set(finished)), need=self._need())) as parts:
            for part in parts:
                finished[part.number] = part
                tokens += part.counts.tokens
                watch.advance(part.stored_bytes, note=f"{tokens:,} tokens")

    def _tasks(self, finished: set[int]) -> Iterator[PartTask]:
        for number, chunk in enumerate(split_work(self._corpus, self._part_bytes)):
            if number not in finished:
                yield PartTask(
                    number,
                    chunk,
                    self.folder.path,
                    self._vocabulary,
                    self._tokenizer.digest,
                    self._settings,
                    self._versions,
                    self.folder.request,
                )

    def _need(self) -> Need:
        """Workers read the corpus and write the parts by their paths."""
        ends = {self._corpus.files[0].path, self._corpus.files[-1].path}
        return Need(paths=(self._vocabulary, self.folder.path, *sorted(path.absolute() for path in ends)))

    def _request(self) -> dict[str, Any]:
        files = [
            [
                os.fsencode(file.path.absolute()).hex(),
                file.format,
                file.compression,
                file.stored_bytes,
                file.modified_ns,
            ]
            for file in self._corpus.files
        ]
        return {
            "version": bertwright.__version__,
            "corpus": {
                "files": len(files),
                "bytes": self._corpus.stored_bytes,
                "digest": durable.digest_of({"files": files}),
            },
            "tokenizer": self._tokenizer.digest,
            **self._settings.told(),
            "part_bytes": self._part_bytes,
            **self._versions.told(self._settings),
        }


@contextmanager
def _telling_what_stays(folder: PartsFolder, watch: Progress) -> Iterator[None]:
    """Whatever ends the block, finished parts stay for the next time, unless it is the text: once that is
    mended they are parts of another corpus."""
    try:
        yield
    except CorpusError:
        folder.discard()
        raise
    except BaseException:
        if parts := folder.count():
            where = shown_path(folder.path.name)
            watch.say(
                f"{parts:,} parts are finished and kept in {where}: the same command goes on from there"
            )
        raise


def _check_output(target: Path, overwrite: bool, read: Sequence[str | Path]) -> None:
    durable.check_new_directory(target, KIND, overwrite)
    for path in read:
        durable.require_elsewhere(target, path)
        if durable.is_within(path, durable.unfinished_directory(target)):  # as where a shell wrote out data/*
            what = "what is finished of this very output"
            raise UsageError(f"{shown_path(path)}: expected text, got {what} (leave it out)")


def _check_workers(workers: int | None, engine: Engine | None) -> None:
    if workers is not None and workers < 0:
        raise UsageError(f"workers: expected at least 0, got {workers}")
    if workers is not None and engine is not None:
        raise UsageError("workers: expected none beside an engine, which has its own")


def _workers_for(corpus: Corpus, asked: int | None) -> int:
    """A process more takes seconds to start: it must have enough to do."""
    return min(default_workers(), 1 + corpus.text_bytes // _BYTES_A_WORKER) if asked is None else asked


def _without_pairs(counts: Counts) -> tuple[str, str] | None:
    """What is wrong with text of which no sentence has a next one and one from elsewhere, and what to do."""
    if counts.documents == 1:
        return "expected at least two documents, got one", "put a blank line between documents"
    if counts.single_sentence_documents == counts.documents:
        problem = f"expected documents of several sentences, got {counts.documents:,} of one each"
        return problem, "take out the blank lines between sentences"
    return None


def _warnings(counts: Counts, masked_lm_only: bool) -> Iterator[str]:
    if counts.unknown_documents:
        where = ", ".join(counts.unknown_at) + (", …" if counts.unknown_documents > 3 else "")
        yield f"{counts.unknown_documents:,} documents are nothing but [UNK]: {where}"
    short = counts.single_sentence_documents
    if not masked_lm_only and short > _SHORT_DOCUMENTS_SHARE * counts.documents:
        yield (
            f"{short:,} of {counts.documents:,} documents have a single sentence, which has no next one "
            "(is there a blank line between all sentences?)"
        )
