"""What is wrong with raw text, before it is prepared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bertwright.corpus import Corpus, find_corpus, split_work
from bertwright.corpus.lines import MAX_LINE_BYTES
from bertwright.data.corpus_survey import (
    FEW_WORDS,
    LONG_LINE,
    TEXT_LINE,
    CorpusSurvey,
    SurveyTask,
    survey_chunk,
)
from bertwright.data.findings import Diagnosis, Finding, Severity, graded
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.repetition import Repetition, repetition
from bertwright.data.sentences import check_language, split_sentences
from bertwright.data.store import TokenStore
from bertwright.data.store_doctor import examine_store
from bertwright.data.text_sample import TextSample
from bertwright.errors import CorpusError, shortened
from bertwright.execution.local import default_workers, map_ordered
from bertwright.progress import Progress, Silent
from bertwright.tokenization.tokenizer import Tokenizer

_CHUNK_BYTES = 16 << 20
_SAMPLE_BYTES = 8 << 20
_SAID_OF_THE_CORPUS = {"one_document", "duplicate_documents", "duplicate_sentences"}


class _LineCheck(NamedTuple):
    """Lines of a kind, and from which share of all lines they are a note, a warning, an error."""

    name: str
    counted: Callable[[CorpusSurvey], int]
    limits: tuple[float, float, float]
    message: str
    advice: str


_ANY, _NEVER = 1e-9, 2.0
_LINE_CHECKS = (
    _LineCheck(
        "json_lines",
        lambda survey: survey.json_lines,
        (0.05, 0.3, 0.9),
        "look like JSON",
        "Give --format jsonl (and --text), so that only the text is read.",
    ),
    _LineCheck(
        "damaged_lines",
        lambda survey: survey.damaged_lines,
        (_ANY, 0.001, 0.2),
        "hold U+FFFD, which stands for bytes that were lost when the text was decoded",
        "Make the text again from its source, with the right encoding.",
    ),
    _LineCheck(
        "markup",
        lambda survey: survey.markup_lines,
        (0.005, 0.05, 0.5),
        "hold markup (tags, templates, links)",
        "Extract the plain text first.",
    ),
    _LineCheck(
        "long_lines",
        lambda survey: survey.long_lines,
        (_ANY, 0.2, _NEVER),
        f"have more than {LONG_LINE:,} characters",
        "Check that line ends were not lost, and do not use --one-sentence-per-line with them.",
    ),
    _LineCheck(
        "special_tokens",
        lambda survey: survey.special_lines,
        (_ANY, _NEVER, _NEVER),
        "hold [MASK], [CLS] or the like, which are read as plain text",
        "Nothing to do, unless they were meant as special tokens: they are not.",
    ),
)
_NO_TOKENS = Finding(
    Severity.ERROR,
    "no_tokens",
    "The documents that were looked at have no tokens: they are nothing but control characters.",
    "Make the text again from its source.",
    1,
)


def examine_corpus(
    paths: Sequence[str | Path],
    *,
    tokenizer: Tokenizer | None = None,
    settings: InstanceSettings | None = None,
    language: str | None = "en",
    format: str = "auto",
    text_field: str = "text",
    max_line_bytes: int = MAX_LINE_BYTES,
    workers: int | None = None,
    seed: int = 0,
    samples: int = 3,
    progress: Progress | None = None,
) -> Diagnosis:
    """Look at all of a corpus; with a ``tokenizer`` also at the instances of some 8 MB of its documents: two
    at least, of a long one the beginning.

    Args:
        paths: files and directories; see :mod:`bertwright.corpus`.
        settings: of the instances; without next sentences a single document is no mistake.
        language: whose rules find the sentences of the sample; None when each line is one.
        text_field: column or key of the text, in formats with one.
        max_line_bytes: longer lines are refused.
        workers: processes; by default one a core.

    Raises:
        CorpusError: a file cannot be read, or there is no text.
    """
    if language is not None:
        check_language(language)
    paired = settings is None or settings.next_sentence
    corpus = find_corpus(paths, format=format, text_field=text_field, max_line_bytes=max_line_bytes)
    survey = _survey(corpus, default_workers() if workers is None else workers, progress or Silent())
    documents = repetition(np.concatenate(survey.document_digests), np.concatenate(survey.document_sizes))
    lines = repetition(np.concatenate(survey.line_digests), np.concatenate(survey.line_sizes))
    findings = [*_of_documents(survey, paired), *_of_repetition(survey, documents, lines), *_of_lines(survey)]
    findings += [
        Finding(Severity.WARNING, "file", f"{warning[0].upper()}{warning[1:]}.", "Check this file.", 1)
        for warning in corpus.warnings
    ]
    facts = {"files": len(corpus.files), **_facts(survey, documents, lines)}
    if tokenizer is None:
        return Diagnosis.of("corpus", facts, findings)
    sampled = _tokenized(survey.sample.documents, tokenizer, language)
    if not sampled:
        return Diagnosis.of("corpus", facts, [*findings, _NO_TOKENS])
    store = TokenStore.from_documents(sampled, len(tokenizer.vocabulary))
    inner = examine_store(store, tokenizer.vocabulary, settings, seed=seed, samples=samples)
    facts |= {f"sample_{name}" if name in facts else name: value for name, value in inner.facts.items()}
    # What the whole corpus has told already is not said again of its sample; a sample is always little.
    known = {finding.name for finding in findings} | _SAID_OF_THE_CORPUS
    if survey.sample.characters < survey.characters:
        known.add("little_text")
    findings += [finding for finding in inner.findings if finding.name not in known]
    return Diagnosis.of("corpus", facts, findings, inner.samples)


def _survey(corpus: Corpus, workers: int, watch: Progress) -> CorpusSurvey:
    """All chunks of the corpus, in parallel when it is large enough to be worth the processes."""
    rate = max(1, corpus.text_bytes // _SAMPLE_BYTES)
    sizes: list[int] = []

    def tasks() -> Iterator[SurveyTask]:
        for chunk in split_work(corpus, _CHUNK_BYTES):
            sizes.append(chunk.stored_bytes)
            yield SurveyTask(chunk, rate)

    survey = CorpusSurvey(sample=TextSample(rate))
    watch.start("looking at the corpus", corpus.stored_bytes, "bytes")
    crew = workers if corpus.text_bytes > 2 * _CHUNK_BYTES else 1
    for number, part in enumerate(map_ordered(survey_chunk, tasks(), workers=crew)):
        survey.add(part)
        watch.advance(sizes[number], note=f"{survey.documents:,} documents")
    watch.finish()
    if not survey.documents:
        raise CorpusError(f"{corpus.name}: expected text, got nothing but blank lines")
    return survey


def _facts(survey: CorpusSurvey, documents: Repetition, lines: Repetition) -> dict[str, int | float | str]:
    return {
        "documents": survey.documents,
        "lines": survey.lines,
        "words": survey.words,
        "characters": survey.characters,
        "lines_per_document": survey.lines / survey.documents,
        "longest_line": survey.longest_line,
        "duplicate_documents": documents.copies,
        "duplicate_lines": lines.copies,
    }


def _tokenized(
    sample: list[tuple[str, ...]], tokenizer: Tokenizer, language: str | None
) -> list[list[list[int]]]:
    """Documents of sentences of ids, without those that have none."""
    documents = []
    for lines in sample:
        ids = tokenizer.encode_ids(split_sentences(lines, language))
        documents.append([sentence.tolist() for sentence in ids if len(sentence)])
    return [document for document in documents if document]


def _of_documents(survey: CorpusSurvey, paired: bool) -> Iterator[Finding]:
    if paired and survey.documents == 1:
        yield Finding(
            Severity.ERROR,
            "one_document",
            f"The corpus is a single document of {survey.lines:,} lines: nothing else to draw from.",
            "Put a blank line between documents.",
            1,
        )
        return
    severity = graded(survey.one_line / survey.documents, note=0.1, warning=0.5, error=0.9)
    if paired and severity:
        yield Finding(
            severity,
            "one_sentence_documents",
            f"{survey.one_line:,} of {survey.documents:,} documents are one short line, and one sentence has "
            "no next one.",
            "Blank lines may stand between documents only; remove those between sentences.",
            survey.one_line,
        )
    severity = graded(survey.tiny / survey.documents, note=0.05, warning=0.3)
    if severity:
        yield Finding(
            severity,
            "tiny_documents",
            f"{survey.tiny:,} of {survey.documents:,} documents have fewer than {FEW_WORDS} words.",
            "Remove them, or join them to the documents they belong to.",
            survey.tiny,
        )


def _of_repetition(survey: CorpusSurvey, documents: Repetition, lines: Repetition) -> Iterator[Finding]:
    severity = graded(documents.copies / survey.documents, note=_ANY, warning=0.01, error=0.2)
    if severity:
        yield Finding(
            severity,
            "duplicate_documents",
            f"{documents.copies:,} of {survey.documents:,} documents are copies of another one "
            f"({documents.share:.1%} of the text).",
            "Remove the copies: they are learned by heart, and held-out documents may be among them.",
            documents.copies,
        )
    severity = graded(lines.share, note=0.005, warning=0.05, error=0.3)
    if severity:
        line, times = survey.repeated.most_common(1)[0] if survey.repeated else ("", 0)
        shown = f'; {times:,} times or more: "{shortened(line, 80)}"' if times else ""
        yield Finding(
            severity,
            "duplicate_lines",
            f"{lines.copies:,} lines repeat an earlier one ({lines.share:.1%} of the text in lines of "
            f"{TEXT_LINE} or more characters){shown}",
            "Remove menus, licences and other text that comes with every document.",
            lines.copies,
        )


def _of_lines(survey: CorpusSurvey) -> Iterator[Finding]:
    for check in _LINE_CHECKS:
        count = check.counted(survey)
        note, warning, error = check.limits
        severity = graded(count / survey.lines, note=note, warning=warning, error=error)
        if severity:
            message = f"{count:,} of {survey.lines:,} lines {check.message}."
            yield Finding(severity, check.name, message, check.advice, count)
