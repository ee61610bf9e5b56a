"""The text that all rows are pre-trained on: one vocabulary, one token store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bertwright.comparison.settings import ComparisonSettings
from bertwright.comparison.work import Work
from bertwright.corpus import find_corpus
from bertwright.data.prepare import prepare
from bertwright.data.segmenter import require_words
from bertwright.data.store import TokenStore
from bertwright.durable import digest_of_file
from bertwright.progress import Progress
from bertwright.tokenization.learning.learn import learn_vocabulary
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.tokenizer import Tokenizer


def identity_of(settings: ComparisonSettings) -> dict[str, Any]:
    """What the text is known by, wherever it stands.

    Raises:
        CorpusError, StoreError, VocabularyError: it cannot be read.
        UsageError: what finds its words is not there.
    """
    if settings.store is not None:
        return {"store": TokenStore.open(settings.store).digest}
    vocabulary: Any = {"size": settings.vocabulary_size, "cased": settings.cased}
    cutting = TokenizerSettings(do_lower_case=not settings.cased)
    if settings.vocabulary is not None:
        tokenizer = Tokenizer.load(settings.vocabulary)
        vocabulary, cutting = tokenizer.digest, tokenizer.settings
    words: dict[str, Any] = {}
    if settings.words is not None:
        words = {"words": [settings.words, require_words(settings.words, cutting)]}
    return {
        "corpus": [digest_of_file(file.path) for file in find_corpus(settings.corpus).files],
        "vocabulary": vocabulary,
        "language": None if settings.one_sentence_per_line else settings.language,
        **words,
    }


def prepared(settings: ComparisonSettings, work: Work, progress: Progress) -> Path:
    """The token store: the one that was given, or made of the corpus, unless an earlier process did.

    Raises:
        CorpusError, VocabularyError, StoreError: the text does not do.
        DiskError, WorkerError, RunError, Interrupted: it failed on the way.
    """
    if settings.store is not None:
        return Path(settings.store)
    store = work.directory / "store"
    if store.exists():
        return store
    vocabulary = work.directory / "vocabulary"
    if settings.vocabulary is not None:
        vocabulary = Path(settings.vocabulary)
    elif not vocabulary.exists():
        progress.say(f"learning a vocabulary of {settings.vocabulary_size:,} pieces")
        learn_vocabulary(
            settings.corpus,
            size=settings.vocabulary_size,
            settings=TokenizerSettings(do_lower_case=not settings.cased),
            progress=progress,
        ).save(vocabulary)
    progress.say("preparing the text")
    done = prepare(
        settings.corpus,
        vocabulary=vocabulary,
        output=store,
        language=settings.language,
        one_sentence_per_line=settings.one_sentence_per_line,
        words=settings.words,
        overwrite=True,  # parts of an earlier version: the place is ours
        progress=progress,
    )
    for warning in done.warnings:
        progress.warn(warning)
    return store
