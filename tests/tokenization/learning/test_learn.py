"""From files to a vocabulary folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bertwright
from bertwright import durable
from bertwright.errors import BertwrightError, CorpusError, OutputExistsError, UsageError, VocabularyError
from bertwright.tokenization import BasicTokenizer, Tokenizer, TokenizerSettings
from bertwright.tokenization.learning import LearnedVocabulary, learn_vocabulary
from bertwright.tokenization.learning.learn import KIND, REPORT
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS

WORDS = ["wordpiece", "vocabulary", "learning", "counts", "pieces", "of", "words"]
WORDS += ["again", "and", "again", "naïve", "Wörter", "漢字", "end"]


@pytest.fixture
def corpus(tmp_path: Path) -> list[Path]:
    """Three files of 600 documents in all."""
    documents = [
        " ".join(WORDS[(n * k) % len(WORDS)] + "s" * (n % 3) for k in range(1, 12)) + f"\nNumber {n}."
        for n in range(1, 601)
    ]
    paths = [tmp_path / f"{number}.txt" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_text("\n\n".join(documents[number::3]), encoding="utf-8")
    return paths


def folder_bytes(learned: LearnedVocabulary, folder: Path) -> dict[str, bytes]:
    learned.save(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_vocabulary_of_exactly_the_size_asked_for(corpus: list[Path]) -> None:
    learned = learn_vocabulary(corpus, size=120)
    assert len(learned.vocabulary) == learned.report.size == 120
    assert learned.vocabulary.tokens[:5] == SPECIAL_TOKENS
    assert learned.warnings == ()
    assert learned.tokenizer().encode("again and again, 漢").tokens == [
        "again",
        "and",
        "again",
        "[UNK]",
        "漢",
    ]


def test_the_report(corpus: list[Path]) -> None:
    report = learn_vocabulary(corpus, size=120).report
    assert report.measured_on == "the corpus itself (too small to hold text out)"
    basic = BasicTokenizer()
    lines = [line for path in corpus for line in path.read_text(encoding="utf-8").split("\n")]
    assert report.corpus_words == report.fit.words == sum(len(basic.words(line)) for line in lines)
    assert report.word_starts + report.continuations == 115
    assert {"a", "漢", "."} < set(report.alphabet)
    assert report.fit.unk_rate == 0 and report.fit.character_coverage == 1
    flat = report.as_json()
    assert {"size", "pieces_per_word", "unk_rate", "coverage", "longest", "rarest", "examples"} < set(flat)
    assert json.loads(json.dumps(flat))["requested_size"] == 120


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_bytes_for_any_order_and_workers(corpus: list[Path], tmp_path: Path, workers: int) -> None:
    one = folder_bytes(learn_vocabulary(corpus, size=150, workers=1), tmp_path / "one")
    other = folder_bytes(learn_vocabulary(corpus[::-1], size=150, workers=workers), tmp_path / "two")
    assert one == other
    assert set(one) == {
        *("manifest.json", "report.json", "special_tokens_map.json"),
        *("tokenizer.json", "tokenizer_config.json", "vocab.txt"),
    }


def test_a_folder_of_files_is_the_same_corpus(corpus: list[Path], tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    for path in corpus:
        path.rename(inside / path.name)
    assert learn_vocabulary([inside], size=120).report.size == 120


def test_save_and_load(corpus: list[Path], tmp_path: Path) -> None:
    learned = learn_vocabulary(corpus, size=120, settings=TokenizerSettings(do_lower_case=False))
    learned.save(tmp_path / "cased")
    loaded = Tokenizer.load(tmp_path / "cased")
    assert loaded.vocabulary == learned.vocabulary and loaded.settings == learned.settings
    assert "Wörter" in loaded.vocabulary or "W" in loaded.vocabulary
    manifest = durable.read_manifest(tmp_path / "cased", kind=KIND)
    durable.verify(manifest)
    assert manifest.fields["size"] == 120
    assert json.loads((tmp_path / "cased" / REPORT).read_text(encoding="utf-8"))["size"] == 120
    with pytest.raises(OutputExistsError):
        learned.save(tmp_path / "cased")
    learned.save(tmp_path / "cased", overwrite=True)


def test_held_out_text(corpus: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("again and again Zürich\n漢字 🙂 ŷ", encoding="utf-8")
    learned = learn_vocabulary(corpus, size=120, held_out=other)
    assert learned.report.measured_on == "other.txt"
    assert (learned.report.fit.words, learned.report.fit.unk_words) == (8, 2)  # 🙂, ŷ
    assert "🙂" not in learned.vocabulary


def test_held_out_text_is_no_part_of_the_corpus(corpus: list[Path], tmp_path: Path) -> None:
    """Under whatever name: it would be measured on what it was learned from."""
    link = tmp_path / "link.txt"
    link.symlink_to(corpus[0])
    for held_out in (corpus[0], link):
        with pytest.raises(CorpusError, match=rf"{held_out.name}: expected each file once, got .* again"):
            learn_vocabulary(corpus, size=120, held_out=held_out)


def test_held_out_passages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bertwright.tokenization.learning.counting.HELD_OUT_SHARE", 0.3)
    path = tmp_path / "corpus.txt"
    path.write_text(
        "\n\n".join(f"some words of passage {chr(0x3B1 + n % 24)}{n}" for n in range(900)), "utf-8"
    )
    learned = learn_vocabulary([path], size=400)
    report = learned.report
    assert report.measured_on == "held-out passages of the corpus"
    assert report.corpus_words + report.fit.words == 900 * 5
    assert 0.25 < report.fit.words / (900 * 5) < 0.35
    path.write_text(
        path.read_text("utf-8") + "\n\n" + "\n\n".join(f"here is ℵ{n}" for n in range(9)), "utf-8"
    )
    # Perhaps only held-out passages have this character; it is in the alphabet all the same.
    assert "ℵ" in learn_vocabulary([path], size=400).report.alphabet


def test_fewer_pieces_than_asked_for(corpus: list[Path]) -> None:
    learned = learn_vocabulary(corpus, size=30522)
    assert len(learned.vocabulary) < 1000
    (warning,) = learned.warnings
    assert f"asked for 30,522 tokens, found {len(learned.vocabulary):,}" in warning


def test_one_repeated_character(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a" * 150 + "\n" + "aaaa " * 2000 + "\n" + "a" * 10_000, encoding="utf-8")
    learned = learn_vocabulary([path], size=100)
    assert {"a", "##a", "aaaa"} < set(learned.vocabulary.tokens)
    assert learned.tokenizer().encode("aaaaa a").tokens == ["aaaa", "##a", "a"]
    assert learned.report.fit.unk_words == 1  # the word of 10,000 characters


def test_special_tokens_in_the_text_are_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("the [MASK] and [CLS] or ##ing [UNK]\n" * 50, encoding="utf-8")
    tokens = learn_vocabulary([path], size=200).vocabulary.tokens
    assert len(set(tokens)) == len(tokens)
    assert [token for token in tokens if "[" in token] == [*SPECIAL_TOKENS, "["]
    assert {"mask", "cls", "unk", "#", "ing"} < set(tokens)


def test_min_count(corpus: list[Path]) -> None:
    report = learn_vocabulary(corpus, size=120, min_count=50).report
    assert report.corpus_distinct_words < learn_vocabulary(corpus, size=120).report.corpus_distinct_words
    with pytest.raises(
        VocabularyError, match=r"--min-count: expected at most [\d,]+, the count of the most fre"
    ):
        learn_vocabulary(corpus, size=120, min_count=10**9)


@pytest.mark.parametrize(
    "choices, error, message",
    [
        ({"size": 5}, UsageError, "--size: expected 6 to"),
        ({"size": 10**7}, UsageError, "--size"),
        ({"min_count": 0}, UsageError, "--min-count"),
        ({"workers": -1}, UsageError, "--workers"),
        ({"held_out": "absent.txt"}, CorpusError, "absent.txt"),
        ({"format": "docx"}, CorpusError, "--format"),
    ],
)
def test_wrong_requests(
    corpus: list[Path], choices: dict[str, object], error: type[BertwrightError], message: str
) -> None:
    with pytest.raises(error, match=message):
        learn_vocabulary(corpus, **choices)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["\n\n", " \n\t", "\u200b\n", "\u0301"])
def test_no_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "blank.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match="without a single word"):
        learn_vocabulary([path], size=100)


def test_output_inside_the_corpus(corpus: list[Path]) -> None:
    with pytest.raises(CorpusError, match="outside the input"):
        learn_vocabulary([corpus[0].parent], output=corpus[0].parent / "vocab")


def test_the_python_api() -> None:
    assert bertwright.learn_vocabulary is learn_vocabulary


def test_what_is_read_is_not_replaced(corpus: list[Path], tmp_path: Path) -> None:
    learn_vocabulary(corpus, size=120).save(tmp_path / "out")
    inner = tmp_path / "out" / "vocab.txt"
    with pytest.raises(UsageError, match="does not hold what is read"):
        learn_vocabulary([*corpus, inner], size=120, output=tmp_path / "out")
    with pytest.raises(UsageError, match="does not hold what is read"):
        learn_vocabulary(corpus, size=120, held_out=inner, output=tmp_path / "out")
    with pytest.raises(UsageError, match="other than what is read"):
        learn_vocabulary([inner], size=120, output=inner)
