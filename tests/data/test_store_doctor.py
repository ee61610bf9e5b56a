from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bertwright.data.findings import Diagnosis, Severity, graded
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.store import TokenStore
from bertwright.data.store_doctor import examine_store
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

SIZE = 120
VOCABULARY = Vocabulary.from_tokens([*SPECIAL_TOKENS, *(f"w{number}" for number in range(5, SIZE))])
Documents = list[list[list[int]]]


def healthy(count: int = 400, sentences: int = 12) -> Documents:
    rng = np.random.default_rng(1)
    return [[rng.integers(5, SIZE, 18).tolist() for _ in range(sentences)] for _ in range(count)]


def one_document(documents: Documents) -> Documents:
    return [[sentence for document in documents for sentence in document]]


def one_sentence_documents(documents: Documents) -> Documents:
    return [[sentence] for document in documents for sentence in document]


def copies(documents: Documents) -> Documents:
    return documents + documents[:200]


def boilerplate(documents: Documents) -> Documents:
    return [[*document, list(range(5, 60))] for document in documents]


def unknown(documents: Documents) -> Documents:
    return [[[1 if token < 20 else token for token in sentence] for sentence in d] for d in documents]


def unknown_documents(documents: Documents) -> Documents:
    return [*documents, [[1, 1], [1]]]


def special(documents: Documents) -> Documents:
    return [*documents, [[7, VOCABULARY.mask_id, 8]]]


def unused(documents: Documents) -> Documents:
    return [[[5 + token % 20 for token in sentence] for sentence in document] for document in documents]


def long_sentences(documents: Documents) -> Documents:
    return [[[token for sentence in document for token in sentence * 3]] * 2 for document in documents]


def little(documents: Documents) -> Documents:
    return documents[:10]


@pytest.mark.parametrize(
    "spoil, name, severity",
    [
        (one_document, "one_document", Severity.ERROR),
        (one_sentence_documents, "one_sentence_documents", Severity.ERROR),
        (one_sentence_documents, "next_sentence_ratio", Severity.ERROR),
        (copies, "duplicate_documents", Severity.ERROR),
        (boilerplate, "duplicate_sentences", Severity.WARNING),
        (unknown, "unknown_tokens", Severity.ERROR),
        (unknown_documents, "unknown_documents", Severity.WARNING),
        (special, "special_tokens", Severity.ERROR),
        (unused, "unused_vocabulary", Severity.WARNING),
        (long_sentences, "long_sentences", Severity.ERROR),
        (little, "little_text", Severity.WARNING),
    ],
)
def test_each_mistake_is_found(
    spoil: Callable[[Documents], Documents], name: str, severity: Severity
) -> None:
    diagnosis = examine_store(TokenStore.from_documents(spoil(healthy()), SIZE), VOCABULARY)
    found = {finding.name: finding for finding in diagnosis.findings}
    assert name in found, diagnosis.findings
    assert found[name].severity == severity
    assert found[name].count > 0
    assert found[name].message.endswith((".", '"')) and found[name].advice.endswith((".", ")."))
    order = [list(Severity).index(finding.severity) for finding in diagnosis.findings]
    assert order == sorted(order)


def test_a_healthy_store_has_no_findings() -> None:
    diagnosis = examine_store(TokenStore.from_documents(healthy(), SIZE), VOCABULARY, samples=2)
    assert diagnosis.findings == ()
    facts = diagnosis.facts
    assert (facts["documents"], facts["sentences"], facts["tokens"]) == (400, 4800, 86_400)
    assert facts["random_next_share"] == pytest.approx(0.52, abs=0.06)
    assert facts["masked_share"] == pytest.approx(0.15, abs=0.01)
    assert facts["replaced_by_mask"] == pytest.approx(0.8, abs=0.02)
    assert facts["instances_per_epoch"] == facts["instances_measured"]
    assert len(diagnosis.samples) == 2
    assert any(token.truth for token in diagnosis.samples[0].a + diagnosis.samples[0].b)


def test_whole_words_of_text_without_blanks() -> None:
    vocabulary = Vocabulary.from_tokens([*SPECIAL_TOKENS, *(chr(0x4E00 + n) for n in range(5, SIZE))])
    documents = healthy()
    store = TokenStore.from_documents(documents, SIZE)
    count = store.num_tokens
    whole = InstanceSettings(whole_word=True)
    (finding,) = examine_store(store, vocabulary, whole).findings
    assert (finding.name, finding.severity, finding.count) == ("characters_as_words", Severity.WARNING, count)
    assert "100% of the tokens" in finding.message
    assert not examine_store(store, vocabulary).findings
    flags = [number % 3 == 0 for number in range(count)]
    diagnosis = examine_store(TokenStore.from_documents(documents, SIZE, flags), vocabulary, whole)
    assert not diagnosis.findings
    assert diagnosis.facts["words"] == sum(flags)
    assert diagnosis.facts["tokens_per_word"] == pytest.approx(3, abs=1e-3)
    assert "words" not in examine_store(store, vocabulary).facts


def test_masked_lm_alone_needs_no_documents() -> None:
    store = TokenStore.from_documents(one_document(healthy()), SIZE)
    diagnosis = examine_store(store, VOCABULARY, InstanceSettings(next_sentence=False))
    assert diagnosis.findings == ()
    assert "random_next_share" not in diagnosis.facts


def test_left_to_right_nothing_is_masked() -> None:
    store = TokenStore.from_documents(healthy(), SIZE)
    diagnosis = examine_store(store, VOCABULARY, InstanceSettings(next_sentence=False, next_token=True))
    assert diagnosis.findings == ()
    assert not {"masked_share", "replaced_by_mask", "replaced_by_random", "kept"} & set(diagnosis.facts)


def test_the_same_seed_says_the_same() -> None:
    store = TokenStore.from_documents(healthy(60), SIZE)
    first, second, other = (examine_store(store, VOCABULARY, seed=seed) for seed in (1, 1, 2))
    assert first == second
    assert first.samples != other.samples


def test_as_json_is_plain() -> None:
    store = TokenStore.from_documents(little(healthy()), SIZE)
    data = examine_store(store, VOCABULARY, samples=1).as_json()
    assert data["kind"] == "store"
    assert data["findings"][0]["severity"] == "warning"
    assert set(data["samples"][0]) == {"label", "a", "b"}


@pytest.mark.parametrize(
    "share, severity",
    [(0.0, None), (0.009, None), (0.01, "note"), (0.1, "warning"), (0.5, "error"), (1.0, "error")],
)
def test_grades(share: float, severity: str | None) -> None:
    assert graded(share, note=0.01, warning=0.1, error=0.5) == severity


def test_the_worst_comes_first() -> None:
    diagnosis = examine_store(TokenStore.from_documents(special(little(healthy())), SIZE), VOCABULARY)
    severities = [finding.severity for finding in diagnosis.findings]
    assert severities[0] == Severity.ERROR and severities[-1] != Severity.ERROR
    assert isinstance(diagnosis, Diagnosis)
