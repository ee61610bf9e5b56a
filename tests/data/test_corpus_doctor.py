from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from shared import shared_path

from bertwright.data import corpus_doctor, text_sample
from bertwright.data.corpus_doctor import examine_corpus
from bertwright.data.corpus_survey import digest
from bertwright.data.instance_settings import InstanceSettings
from bertwright.errors import CorpusError, UsageError
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

TEXT = "the quick brown fox jumps over a lazy dog and then it sleeps until morning comes"
WORDS = TEXT.split()


def line(number: int, words: int = 12) -> str:
    return (
        " ".join(f"{WORDS[(number * 7 + i * (1 + number % 5)) % len(WORDS)]}" for i in range(words))
        + f" {number}."
    )


def document(number: int, lines: int = 5) -> list[str]:
    return [line(number * 100 + i) for i in range(lines)]


def write(path: Path, documents: list[list[str]]) -> Path:
    path.write_text("\n\n".join("\n".join(lines) for lines in documents) + "\n", encoding="utf-8")
    return path


HEALTHY = [document(number) for number in range(50)]


@pytest.mark.parametrize(
    "documents, name, severity, count",
    [
        ([[text for lines in HEALTHY for text in lines]], "one_document", "error", 1),
        ([[text] for lines in HEALTHY for text in lines], "one_sentence_documents", "error", 250),
        (HEALTHY + HEALTHY[:20], "duplicate_documents", "error", 20),
        (HEALTHY + HEALTHY[:1], "duplicate_documents", "warning", 1),
        (
            [[*d, "All rights reserved by the publisher of this page."] for d in HEALTHY],
            "duplicate_lines",
            "warning",
            49,
        ),
        (
            HEALTHY + [["Hi there"]] * 1 + [[f"Number {n}"] for n in range(40)],
            "tiny_documents",
            "warning",
            41,
        ),
        ([[json.dumps({"text": text}) for text in d] for d in HEALTHY], "json_lines", "error", 250),
        ([[*d, "broken \ufffd text"] for d in HEALTHY], "damaged_lines", "warning", 50),
        ([[f"<p>{text}</p>" for text in d] for d in HEALTHY], "markup", "error", 250),
        ([*HEALTHY, ["word " * 3000, "and the end."]], "long_lines", "note", 1),
        ([*HEALTHY, ["Guess the [MASK] here.", "It is easy."]], "special_tokens", "note", 1),
    ],
)
def test_each_mistake_is_found(
    tmp_path: Path, documents: list[list[str]], name: str, severity: str, count: int
) -> None:
    diagnosis = examine_corpus([write(tmp_path / "corpus.txt", documents)])
    found = {finding.name: finding for finding in diagnosis.findings}
    assert name in found, diagnosis.findings
    assert (found[name].severity, found[name].count) == (severity, count)


def test_masked_lm_alone_needs_no_documents(tmp_path: Path) -> None:
    settings = InstanceSettings(next_sentence=False)
    for documents in (
        [[text for lines in HEALTHY for text in lines]],
        [[text] for lines in HEALTHY for text in lines],
    ):
        assert examine_corpus([write(tmp_path / "corpus.txt", documents)], settings=settings).findings == ()


def test_a_healthy_corpus(tmp_path: Path) -> None:
    diagnosis = examine_corpus([write(tmp_path / "corpus.txt", HEALTHY)])
    assert diagnosis.findings == ()
    assert diagnosis.facts["documents"] == 50
    assert diagnosis.facts["lines"] == 250
    assert diagnosis.facts["words"] == 250 * 13
    assert diagnosis.samples == ()


def test_formats_and_compression_make_no_difference(tmp_path: Path) -> None:
    plain = examine_corpus([write(tmp_path / "corpus.txt", HEALTHY + HEALTHY[:3])])
    packed = tmp_path / "corpus.txt.gz"
    packed.write_bytes(gzip.compress((tmp_path / "corpus.txt").read_bytes()))
    rows = tmp_path / "corpus.jsonl"
    rows.write_text("".join(json.dumps({"text": "\n".join(d)}) + "\n" for d in HEALTHY + HEALTHY[:3]))
    assert examine_corpus([packed]).findings == plain.findings
    assert examine_corpus([rows]).findings == plain.findings
    assert examine_corpus([rows]).facts == plain.facts


def test_workers_and_chunks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [document(number, 40) for number in range(60)] + [document(3, 40)]
    path = write(tmp_path / "corpus.txt", documents)
    whole = examine_corpus([path])
    monkeypatch.setattr(corpus_doctor, "_CHUNK_BYTES", 30_000)
    parts = examine_corpus([path], workers=1)
    spread = examine_corpus([path], workers=2)
    assert parts == spread
    assert parts.facts == whole.facts
    assert [(f.name, f.count) for f in parts.findings] == [(f.name, f.count) for f in whole.findings]


def test_instances_with_a_vocabulary(tmp_path: Path) -> None:
    pieces = [*SPECIAL_TOKENS, *WORDS[:-1], ".", *"0123456789", *(f"##{n}" for n in range(10))]
    tokenizer = Tokenizer(Vocabulary.from_tokens(pieces))
    path = write(tmp_path / "corpus.txt", HEALTHY)
    diagnosis = examine_corpus([path], tokenizer=tokenizer, samples=2)
    found = {finding.name: finding for finding in diagnosis.findings}
    assert found["unknown_tokens"].severity in {"warning", "error"}  # "comes" is not in the vocabulary
    assert len(diagnosis.samples) == 2
    assert diagnosis.facts["sample_documents"] == 50
    assert 0 < diagnosis.facts["unk_rate"] < 0.1
    assert "random_next_share" in diagnosis.facts


SMALL = Tokenizer(Vocabulary.from_tokens([*SPECIAL_TOKENS, *WORDS, ".", *"0123456789"]))


@pytest.mark.parametrize("first", range(0, 40, 8))
def test_of_few_large_documents_two_are_looked_at(
    tmp_path: Path, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample of one document in so many may well have none of five."""
    monkeypatch.setattr(corpus_doctor, "_SAMPLE_BYTES", 100)
    path = write(tmp_path / "corpus.txt", [document(number, 40) for number in range(first, first + 5)])
    diagnosis = examine_corpus([path], tokenizer=SMALL, language=None)
    assert diagnosis.facts["sample_documents"] == 2
    assert not {"one_document", "little_text"} & {finding.name for finding in diagnosis.findings}
    monkeypatch.setattr(corpus_doctor, "_CHUNK_BYTES", 500)
    assert examine_corpus([path], tokenizer=SMALL, language=None, workers=1) == diagnosis


def test_a_single_large_document_is_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_doctor, "_SAMPLE_BYTES", 100)
    monkeypatch.setattr(text_sample, "LONGEST", 1000)
    diagnosis = examine_corpus([write(tmp_path / "corpus.txt", [document(1, 400)])], tokenizer=SMALL)
    names = [finding.name for finding in diagnosis.findings]
    assert names.count("one_document") == 1
    assert diagnosis.facts["instances_measured"] > 0
    assert "little_text" not in names, "the sample is the beginning of a document"


def test_text_without_tokens(tmp_path: Path) -> None:
    path = write(tmp_path / "corpus.txt", [["\x01\x02", "\x03"], ["\x04"], ["\x05\x06"]])
    diagnosis = examine_corpus([path], tokenizer=SMALL)
    assert diagnosis.findings[0].name == "no_tokens"
    assert diagnosis.facts["documents"] == 3 and diagnosis.samples == ()


def test_long_lines_are_refused_or_read_as_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "corpus.txt", HEALTHY)
    longest = max(len(text) for lines in HEALTHY for text in lines)
    with pytest.raises(CorpusError, match="--max-line-bytes"):
        examine_corpus([path], max_line_bytes=longest - 1)
    assert examine_corpus([path], max_line_bytes=longest).facts["longest_line"] == longest


def test_real_text(tmp_path: Path) -> None:
    diagnosis = examine_corpus(
        [shared_path("data/corpus/en_wikipedia_valid.txt")],
        tokenizer=Tokenizer.load(shared_path("data/vocab/bert-base-uncased-vocab.txt")),
    )
    assert diagnosis.facts["documents"] == 517
    assert diagnosis.facts["lines"] == 4705
    assert not [finding for finding in diagnosis.findings if finding.severity == "error"]
    assert diagnosis.facts["random_next_share"] == pytest.approx(0.56, abs=0.04)


@pytest.mark.parametrize("text", ["", "\n\n \n"])
def test_no_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text(text)
    with pytest.raises(CorpusError, match=r"/corpus\.txt: expected text, got (only empty|nothing but blank)"):
        examine_corpus([path])


def test_several_files_without_text(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, "\n\n") for name in "abc"]
    with pytest.raises(CorpusError, match="/a and 2 more: expected text"):
        examine_corpus(paths)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nothing there"):
        examine_corpus([tmp_path / "absent.txt"])
    with pytest.raises(UsageError, match="language code"):
        examine_corpus([write(tmp_path / "corpus.txt", HEALTHY)], language="english please")


def test_digest_is_stable() -> None:
    assert digest("a") == digest("a") != digest("b")
    assert 0 <= digest("\ud800") < 2**64
