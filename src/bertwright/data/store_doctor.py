"""What is wrong with a token store, measured on its documents and on real instances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bertwright.data.batches import PretrainingBatches
from bertwright.data.findings import Diagnosis, Facts, Finding, Severity, graded
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.instance_statistics import InstanceStatistics
from bertwright.data.repetition import Repetition, repetition
from bertwright.data.samples import decode_samples
from bertwright.data.store import TokenStore
from bertwright.data.store_survey import MANY_CHARACTERS, StoreSurvey, told_characters
from bertwright.errors import shortened
from bertwright.tokenization.vocabulary import UNK, Vocabulary

_BATCH = 256
_BATCHES = 200  # some 50,000 instances: shares are then known to half a percent
_LONG_ENOUGH = 8  # tokens of a sentence whose repetition is worth a word; shorter ones are headings
_DEVIATIONS = 6.0


@dataclass(frozen=True)
class Measured:
    """Everything the findings rest on."""

    store: TokenStore
    vocabulary: Vocabulary
    settings: InstanceSettings
    survey: StoreSurvey
    documents: Repetition
    sentences: Repetition
    statistics: InstanceStatistics
    instances: int
    """Of an epoch."""


def examine_store(
    store: TokenStore,
    vocabulary: Vocabulary,
    settings: InstanceSettings | None = None,
    *,
    seed: int = 0,
    samples: int = 3,
) -> Diagnosis:
    """Look at all tokens of ``store`` and at one epoch of its instances (at most some 50,000 of them).

    Raises:
        StoreError: the store was made with another vocabulary, or gives no instances.
    """
    settings = settings or InstanceSettings()
    batches = PretrainingBatches(store, vocabulary, settings, _BATCH, seed)
    statistics = InstanceStatistics(vocabulary.mask_id, settings.max_length)
    shown = []
    for number, batch in zip(range(_BATCHES), batches.one_epoch(), strict=False):
        statistics.add(batch)
        if number == 0:
            shown = decode_samples(batch, vocabulary, samples)
    survey = StoreSurvey.of(store, vocabulary.unk_id)
    lengths = np.diff(store.sentence_offsets)
    sizes = np.diff(store.sentence_offsets[store.document_offsets])
    long = lengths >= _LONG_ENOUGH
    measured = Measured(
        store,
        vocabulary,
        settings,
        survey,
        repetition(survey.document_digests, sizes),
        repetition(survey.sentence_digests[long], lengths[long]),
        statistics,
        batches.instances_in_epoch(0),
    )
    findings = [*_of_documents(measured), *_of_words(measured), *_of_instances(measured)]
    return Diagnosis.of("store", _facts(measured), findings, shown)


def _facts(measured: Measured) -> Facts:
    store, statistics = measured.store, measured.statistics
    paired = "swapped_share" if measured.settings.sentence_order else "random_next_share"
    return {
        "documents": store.num_documents,
        "sentences": store.num_sentences,
        "tokens": store.num_tokens,
        "sentences_per_document": store.num_sentences / store.num_documents,
        "tokens_per_sentence": store.num_tokens / store.num_sentences,
        "longest_sentence": int(np.diff(store.sentence_offsets).max()),
        **_words(store),
        "unk_rate": int(measured.survey.unknown.sum()) / store.num_tokens,
        "vocabulary_used": int((measured.survey.uses > 0).sum()) / store.vocab_size,
        "duplicate_documents": measured.documents.copies,
        "duplicate_sentences": measured.sentences.copies,
        "instances_per_epoch": measured.instances,
        "instances_measured": statistics.instances,
        **({paired: statistics.label_1_share} if statistics.pairs else {}),
        "full_length_share": statistics.full_share,
        "padding_share": statistics.padding_share,
        **({} if measured.settings.next_token else _masking(statistics)),
    }


def _masking(statistics: InstanceStatistics) -> Facts:
    mask, random, kept = statistics.kinds
    return {
        "masked_share": statistics.masked_share,
        "replaced_by_mask": mask,
        "replaced_by_random": random,
        "kept": kept,
    }


def _words(store: TokenStore) -> Facts:
    """How long the words are that a segmenter found."""
    if not store.has_words:
        return {}
    bounds = store.sentence_offsets[store.document_offsets].tolist()
    starts = (store.word_starts(start, stop) for start, stop in pairwise(bounds))
    count = sum(int(np.count_nonzero(part)) for part in starts if part is not None)
    return {"words": count, "tokens_per_word": store.num_tokens / max(1, count)}


def _of_documents(measured: Measured) -> Iterator[Finding]:
    store, paired = measured.store, measured.settings.next_sentence
    if paired and store.num_documents == 1:
        yield Finding(
            Severity.ERROR,
            "one_document",
            "The store holds a single document, so a random next sentence comes from the same text.",
            "Put a blank line between the documents of the corpus and prepare it again, or train without "
            "next sentences (--objective mlm).",
            1,
        )
    single = int((np.diff(store.document_offsets) == 1).sum())
    severity = graded(single / store.num_documents, note=0.1, warning=0.5, error=0.9)
    if paired and severity and store.num_documents > 1:
        yield Finding(
            severity,
            "one_sentence_documents",
            f"{single:,} of {store.num_documents:,} documents have one sentence, which has no true next one.",
            "Look for blank lines between sentences, where they should stand between documents only.",
            single,
        )
    yield from _of_repetition(measured)


def _of_repetition(measured: Measured) -> Iterator[Finding]:
    store, documents, sentences = measured.store, measured.documents, measured.sentences
    severity = graded(documents.copies / store.num_documents, note=1e-9, warning=0.01, error=0.2)
    if severity:
        yield Finding(
            severity,
            "duplicate_documents",
            f"{documents.copies:,} of {store.num_documents:,} documents are copies of another one "
            f"({documents.share:.1%} of the tokens).",
            "Remove the copies: they are learned by heart, and held-out documents may be among them.",
            documents.copies,
        )
    severity = graded(sentences.share, note=0.005, warning=0.05, error=0.3)
    if severity:
        digest, times = sentences.most[0]
        number = int(np.flatnonzero(measured.survey.sentence_digests == np.uint64(digest))[0])
        text = _text(measured, number)
        yield Finding(
            severity,
            "duplicate_sentences",
            f"{sentences.copies:,} sentences repeat an earlier one ({sentences.share:.1%} of the tokens in "
            f"sentences of {_LONG_ENOUGH} or more); {times:,} times: {text}",
            "Remove menus, licences and other text that comes with every document.",
            sentences.copies,
        )


def _text(measured: Measured, sentence: int, limit: int = 80) -> str:
    start, stop = measured.store.sentence_offsets[sentence : sentence + 2].tolist()
    tokens = (measured.vocabulary.tokens[i] for i in measured.store.tokens(start, stop).tolist())
    text = " ".join(tokens).replace(" ##", "")
    return f'"{shortened(text, limit)}"'


def _of_words(measured: Measured) -> Iterator[Finding]:
    store, survey = measured.store, measured.survey
    unknown = int(survey.unknown.sum())
    severity = graded(unknown / store.num_tokens, note=0.001, warning=0.01, error=0.05)
    if severity:
        yield Finding(
            severity,
            "unknown_tokens",
            f"{unknown / store.num_tokens:.2%} of the tokens are {UNK}: their characters are unknown.",
            "Learn a vocabulary from this text, or remove text in other scripts.",
            unknown,
        )
    sizes = np.diff(store.sentence_offsets[store.document_offsets])
    hollow = int((survey.unknown == sizes).sum())
    if hollow:
        yield Finding(
            Severity.WARNING,
            "unknown_documents",
            f"{hollow:,} of {store.num_documents:,} documents are nothing but {UNK}.",
            "Remove them: they are in a script that the vocabulary does not know.",
            hollow,
        )
    yield from _of_characters(measured)
    yield from _of_entries(measured)


def _of_characters(measured: Measured) -> Iterator[Finding]:
    """Text without blanks, of which whole words are asked and none are known."""
    if not measured.settings.whole_word or measured.store.has_words:
        return
    characters = int(measured.survey.uses[measured.vocabulary.ideographs].sum())
    share = characters / measured.store.num_tokens
    if severity := graded(share, note=MANY_CHARACTERS, warning=0.3):
        yield Finding(
            severity,
            "characters_as_words",
            f"{told_characters(share)}.",
            "Prepare the corpus again with --words rjieba (pip install 'bertwright[chinese]').",
            characters,
        )


def _of_entries(measured: Measured) -> Iterator[Finding]:
    store, survey, vocabulary = measured.store, measured.survey, measured.vocabulary
    special = sum(int(survey.uses[number]) for number in vocabulary.special_ids - {vocabulary.unk_id})
    if special:
        yield Finding(
            Severity.ERROR,
            "special_tokens",
            f"{special:,} special tokens stand inside the text, where they end segments and hide words.",
            "Prepare the corpus again: bertwright never makes special tokens of raw text.",
            special,
        )
    idle = int((survey.uses == 0).sum())
    severity = graded(idle / store.vocab_size, note=0.3, warning=0.7)
    if severity and store.num_tokens > 20 * store.vocab_size:
        yield Finding(
            severity,
            "unused_vocabulary",
            f"{idle:,} of {store.vocab_size:,} vocabulary entries never occur.",
            "Learn a vocabulary from this text, or a smaller one: unused entries cost memory and time.",
            idle,
        )


def _of_instances(measured: Measured) -> Iterator[Finding]:
    statistics, settings = measured.statistics, measured.settings
    share = statistics.label_1_share
    if settings.next_sentence and measured.store.num_documents > 1 and share > 0.65:
        yield Finding(
            Severity.ERROR if share > 0.9 else Severity.WARNING,
            "next_sentence_ratio",
            f"{share:.0%} of the pairs have a random second part; about half is meant.",
            "Use longer documents or a shorter length: a chunk of one sentence is always paired at random.",
            round(share * statistics.pairs),
        )
    if not settings.next_token:  # which predicts every token and masks none
        yield from _of_masking(measured)
    yield from _of_lengths(measured)


def _of_masking(measured: Measured) -> Iterator[Finding]:
    statistics, settings = measured.statistics, measured.settings
    most = np.array(settings.prediction_counts())
    wanted = int((statistics.lengths * most).sum())
    expected = (settings.mask_share, settings.random_share, 1 - settings.mask_share - settings.random_share)
    error = _DEVIATIONS * 0.5 / max(1, statistics.masked) ** 0.5 + 2 / measured.store.vocab_size
    off = max(abs(found - meant) for found, meant in zip(statistics.kinds, expected, strict=True))
    if off > error or statistics.masked < 0.9 * wanted:
        yield Finding(
            Severity.WARNING,
            "masking_shares",
            f"{statistics.masked:,} of {wanted:,} tokens were masked, in shares {off:.1%} off those set.",
            "Look at the samples: with whole words, long words may not fit into short instances.",
            wanted - statistics.masked,
        )


def _of_lengths(measured: Measured) -> Iterator[Finding]:
    store, limit = measured.store, measured.settings.max_tokens
    lengths = np.diff(store.sentence_offsets)
    lost = int(np.maximum(lengths - limit, 0).sum())
    severity = graded(lost / store.num_tokens, note=0.01, warning=0.1, error=0.5)
    if severity:
        long = int((lengths > limit).sum())
        yield Finding(
            severity,
            "long_sentences",
            f"{long:,} sentences are longer than an instance: {lost / store.num_tokens:.0%} of the tokens "
            f"are cut off at length {measured.settings.max_length}.",
            "Let prepare split the lines into sentences (without --one-sentence-per-line, with the right "
            "--language).",
            long,
        )
    if measured.instances < 2 * _BATCH:
        yield Finding(
            Severity.WARNING,
            "little_text",
            f"An epoch has {measured.instances:,} instances only: a model will know the text by heart.",
            "Add text: a small model wants some ten million tokens, a large one billions.",
            measured.instances,
        )
