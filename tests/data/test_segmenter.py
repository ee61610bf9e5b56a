"""Words of Chinese text: by hand, against the segmenter's own cut, and whatever the text."""

from __future__ import annotations

import lzma
import sys
import unicodedata
from importlib.metadata import PackageNotFoundError
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_path
from small_corpora import tree, write

from bertwright.cli.app import run
from bertwright.corpus import Document
from bertwright.data import segmenter as segmenter_module
from bertwright.data.batches import PretrainingBatches
from bertwright.data.instance_settings import InstanceSettings
from bertwright.data.prepare import prepare
from bertwright.data.segment_builder import SegmentBuilder
from bertwright.data.segmenter import Segmenter, require_words
from bertwright.data.shards import read_segments
from bertwright.data.store import TokenStore
from bertwright.data.word_table import WordTable
from bertwright.errors import RunError, StoreError, UsageError
from bertwright.tokenization.basic import BasicTokenizer
from bertwright.tokenization.characters import Kind, is_ideograph, kind_of
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

rjieba = pytest.importorskip("rjieba")

PIECES = [
    *"我爱模型，年月由的研究人员发布。恤卡拉量在于豈",
    "bert",
    "##s",
    "2018",
    "1",
    "##0",
    "google",
    "t",
    "ok",
]
VOCABULARY = Vocabulary.from_tokens([*SPECIAL_TOKENS, *PIECES])
LOWER = Tokenizer(VOCABULARY)
CASED = Tokenizer(VOCABULARY, TokenizerSettings(do_lower_case=False))
SEGMENTERS = {id(maker): Segmenter("rjieba", maker.basic) for maker in (LOWER, CASED)}


def built(texts: list[str], maker: Tokenizer = LOWER, words: bool = True) -> TokenStore:
    """The store of one document of these sentences."""
    builder = SegmentBuilder(WordTable(maker), maker, None, SEGMENTERS[id(maker)] if words else None)
    (segment,) = builder.segments([Document(tuple(texts), "x", 1)])
    documents = [part.tolist() for part in np.split(segment.ids, segment.sentence_offsets[1:-1])]
    flags = None
    if segment.word_starts is not None:
        flags = np.unpackbits(segment.word_starts, count=len(segment.ids), bitorder="little").astype(bool)
    return TokenStore.from_documents([documents], len(maker.vocabulary), flags)


def shown(text: str, maker: Tokenizer = LOWER) -> str:
    """The tokens of ``text``, with a bar before each that begins a word."""
    store = built([text], maker)
    flags = store.word_starts(0, store.num_tokens)
    assert flags is not None
    tokens = [maker.vocabulary.tokens[number] for number in store.tokens(0, store.num_tokens).tolist()]
    return " ".join(("|" if flag else "") + token for token, flag in zip(tokens, flags, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "我爱BERTs模型，2018年10月由Google的研究人员发布。",
            "|我 |爱 |bert ##s |模 型 |， |2018 |年 |1 ##0 |月 |由 |google |的 |研 究 |人 员 |发 布 |。",
        ),
        ("T恤在卡拉OK", "|t 恤 |在 |卡 拉 |ok"),  # 恤 belongs to a word that begins with a letter
        ("研 究", "|研 |究"),  # a blank parts words
        ("研\u200b究", "|研 究"),  # a character that leaves no token does not
        ("研\u0301究", "|研 究"),  # nor does an accent that is stripped
        ("Σ研究", "|[UNK] |研 究"),
        ("乒乓球研究", "|[UNK] [UNK] [UNK] |研 究"),  # unknown to the vocabulary, not to the segmenter
        ("研究\u2028研究", "|研 究 |研 究"),
        ("发\uf97e", "|发 量"),  # a compatibility ideograph is the one that it stands for
        ("的㐀", "|的 |[UNK]"),
    ],
)
def test_by_hand(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_accents_that_stay_part_words() -> None:
    assert shown("研\u0301究", CASED) == "|研 |[UNK] |究"


def defined(text: str, maker: Tokenizer) -> list[bool]:
    """Whether a word begins at each token, from offsets and the segmenter's cut of the same text."""
    strips = maker.settings.strips_accents
    kept, place_of = [], {}
    for place, character in enumerate(text):
        plain = unicodedata.normalize("NFD", character)
        if kind_of(character) is Kind.DROPPED:
            continue
        if strips and all(unicodedata.category(part) == "Mn" for part in plain):
            continue
        place_of[place] = len(kept)
        kept.append(plain if is_ideograph(character) and len(plain) == 1 else character)
    begins, at = set(), 0
    for segment in rjieba.cut("".join(kept)):
        begins.add(at)
        at += len(segment)
    encoding = maker.encode(text)
    return [
        not token.startswith("##") and (not is_ideograph(text[start]) or place_of[start] in begins)
        for token, (start, _) in zip(encoding.tokens, encoding.offsets, strict=True)
    ]


def test_a_long_sentence_is_cut_between_words() -> None:
    """The middle of 600 characters is inside a word."""
    store = built(["我" + "研究" * 299 + "我"])
    assert [len(sentence) for sentence in store.document(0)] == [299, 301]
    flags = store.word_starts(0, store.num_tokens)
    assert flags is not None
    assert flags[299] and not flags[300]


characters = st.sampled_from(
    [*"我爱模型研究人员发布中华人民共和国乒乓球卡拉恤的，。 ABTao1029.+#-%\t", "Σ", "İ",
     "\u0301", "\u200b", "\x00", "\ufffd", "\uf900", "\uf97e", "\U0002f81a", "\U00020000", "〇", "々", "が",
     "é", "\u2028", "\u3000", "Ａ", "㐀", "\U0001f600", "\u0bcd", "한"]
)  # fmt: skip
texts = st.lists(
    st.one_of(
        st.text(characters, max_size=24), st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    ).map(lambda text: text.replace("\n", "")),
    min_size=1,
    max_size=5,
)


@given(texts, st.sampled_from([LOWER, CASED]))
@settings(deadline=None, max_examples=300)
def test_any_text(sentences: list[str], maker: Tokenizer) -> None:
    """Words change no id, and begin where the definition says, a sentence for itself."""
    if not any(maker.encode(sentence).ids for sentence in sentences):
        return
    store, plain = built(sentences, maker), built(sentences, maker, words=False)
    assert store.document(0) == plain.document(0)
    assert not plain.has_words
    assert plain.word_starts(0, 1) is None
    flags = store.word_starts(0, store.num_tokens)
    assert flags is not None
    assert flags.tolist() == [flag for sentence in sentences for flag in defined(sentence, maker)]


@given(
    st.lists(
        st.text(st.sampled_from("我爱模型研究人员发布，AB1 "), min_size=4, max_size=40),
        min_size=4,
        max_size=8,
    )
)
@settings(deadline=None, max_examples=50)
def test_masks_cover_whole_words_or_none(sentences: list[str]) -> None:
    sentences = [f"研究{sentence}" for sentence in sentences]
    store = built(sentences)
    flags = store.word_starts(0, store.num_tokens)
    assert flags is not None
    recipe = InstanceSettings(
        max_length=500, next_sentence=False, whole_word=True, short_sequence_probability=0
    )
    batch = PretrainingBatches(store, VOCABULARY, recipe, 1, seed=3).batch(0)
    assert batch.attention_mask.sum() == store.num_tokens + 2
    chosen = set((batch.masked_positions - 1).tolist())
    assert chosen
    bounds = [*np.flatnonzero(flags).tolist(), store.num_tokens]
    for start, stop in pairwise(bounds):
        assert chosen.issuperset(range(start, stop)) or chosen.isdisjoint(range(start, stop))


def test_real_text_against_the_segmenter(tmp_path: Path) -> None:
    """Every ideograph of some thousand real sentences, simplified and traditional."""
    vocabulary = shared_path("data/vocab/bert-base-chinese-vocab.txt")
    lines: list[str] = []
    for name in ("simplified", "traditional"):
        with lzma.open(
            shared_path(f"data/corpus/zh_wikipedia_{name}.txt.xz"), "rt", encoding="utf-8"
        ) as file:
            lines += file.read(150_000).split("\n")[:-1]
    corpus = write(tmp_path / "zh.txt", "\n".join(lines))
    prepare(
        [corpus], vocabulary=vocabulary, output=tmp_path / "words", words="rjieba", one_sentence_per_line=True
    )
    prepare([corpus], vocabulary=vocabulary, output=tmp_path / "plain", one_sentence_per_line=True)
    store, plain = TokenStore.open(tmp_path / "words"), TokenStore.open(tmp_path / "plain")
    assert store.num_sentences == plain.num_sentences
    assert store.document_offsets.tolist() == plain.document_offsets.tolist()
    assert np.array_equal(np.concatenate(store.shard_tokens), np.concatenate(plain.shard_tokens))
    maker = store.tokenizer()
    expected = [flag for line in lines if line.strip() for flag in defined(line, maker)]
    bounds = store.sentence_offsets[store.document_offsets].tolist()
    found: list[bool] = []
    for a, b in pairwise(bounds):
        flags = store.word_starts(a, b)
        assert flags is not None
        found += flags.tolist()
    assert len(found) > 200_000
    assert found == expected
    assert 1.4 < len(found) / sum(found) < 2  # tokens a word
    assert store.manifest is not None
    version = require_words("rjieba", TokenizerSettings())
    assert store.manifest.fields["words"] == {"segmenter": "rjieba", "version": version}


@pytest.mark.parametrize(
    ("text", "warned"), [("我爱研究模型。\n很好。", False), ("we like it\nno doubt", True)]
)
def test_words_of_text_that_is_not_chinese(text: str, warned: bool, tmp_path: Path, vocabulary: Path) -> None:
    corpus = [write(tmp_path / "text.txt", "\n\n".join([text] * 5))]
    summary = prepare(
        corpus, vocabulary=vocabulary, output=tmp_path / "out", words="rjieba", one_sentence_per_line=True
    )
    assert any("words: rjieba found no word of several" in said for said in summary.warnings) == warned


def test_words_that_come_late_are_found(tmp_path: Path, vocabulary: Path, small_parts: None) -> None:
    english, chinese = "we like it\nno doubt\n\n" * 2000, "我爱研究模型。\n很好。"
    corpus = [write(tmp_path / "a.txt", english), write(tmp_path / "b.txt", chinese)]
    summary = prepare(corpus, vocabulary=vocabulary, output=tmp_path / "out", words="rjieba")
    assert summary.shards > 1
    assert not [said for said in summary.warnings if said.startswith("words: ")]


def test_the_same_bytes_whatever_the_workers(tmp_path: Path, vocabulary: Path, small_parts: None) -> None:
    text = "\n\n".join(
        f"我爱研究{number}号模型。\n中华人民共和国的人员，发布了T恤。" for number in range(1500)
    )
    corpus = [write(tmp_path / "zh.txt", text)]
    for workers in (0, 1, 2):
        summary = prepare(
            corpus, vocabulary=vocabulary, output=tmp_path / str(workers), workers=workers, words="rjieba"
        )
        assert summary.shards > 3
    assert tree(tmp_path / "0") == tree(tmp_path / "1") == tree(tmp_path / "2")
    store = TokenStore.open(tmp_path / "0")
    assert len(store.shard_word_starts) == len(store.shard_tokens) > 3
    training, held_out = store.split(0.2, seed=1)
    for part in (store, training, held_out):
        bounds = part.sentence_offsets[part.document_offsets][:3].tolist()
        flags = part.word_starts(bounds[1], bounds[2])
        assert flags is not None
        assert len(flags) == bounds[2] - bounds[1]
        assert flags[0]


def test_a_store_without_words_has_none_and_says_nothing(tmp_path: Path, vocabulary: Path) -> None:
    corpus = [write(tmp_path / "zh.txt", "我爱研究。\n模型。\n\n研究人员。\n发布。")]
    prepare(corpus, vocabulary=vocabulary, output=tmp_path / "plain")
    prepare(corpus, vocabulary=vocabulary, output=tmp_path / "words", words="rjieba")
    plain, store = TokenStore.open(tmp_path / "plain"), TokenStore.open(tmp_path / "words")
    assert plain.manifest is not None
    assert "words" not in plain.manifest.fields
    assert "words" not in plain.manifest.fields["settings"]
    assert (plain.has_words, store.has_words) == (False, True)
    # A manifest that knows no words does not open shards that have them, nor the other way round.
    for path, words in ((tmp_path / "words", False), (tmp_path / "plain", True)):
        with pytest.raises(StoreError, match="expected column sentences"):
            read_segments(path / "shard-00000.arrow", store.vocab_size, words)


class TestRefused:
    def test_the_package_is_missing(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        vocabulary: Path,
    ) -> None:
        corpus = write(tmp_path / "zh.txt", "我爱研究。\n模型。\n\n研究人员。\n发布。")
        monkeypatch.setitem(sys.modules, "rjieba", None)
        words = [
            "prepare",
            str(corpus),
            "--vocab",
            str(vocabulary),
            "-o",
            str(tmp_path / "s"),
            "--words",
            "rjieba",
        ]
        assert run(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "expected the package rjieba" in line
        assert "pip install 'bertwright[chinese]'" in line
        assert sorted(path.name for path in tmp_path.iterdir()) == ["zh.txt"]

    def test_the_package_only_lies_about(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder of that name, which nothing has installed: its version could not be told."""

        def missing(name: str) -> str:
            raise PackageNotFoundError(name)

        monkeypatch.setattr("importlib.metadata.version", missing)
        with pytest.raises(UsageError, match="expected the package rjieba"):
            require_words("rjieba", TokenizerSettings())

    def test_no_such_segmenter(self) -> None:
        with pytest.raises(UsageError, match="words: expected rjieba, got"):
            require_words("ltp", TokenizerSettings())

    def test_a_tokenizer_that_leaves_ideographs_together(self) -> None:
        basic = BasicTokenizer(TokenizerSettings(tokenize_chinese_chars=False))
        with pytest.raises(UsageError, match="tokenize_chinese_chars = false"):
            Segmenter("rjieba", basic)

    def test_flags_for_other_tokens(self) -> None:
        with pytest.raises(StoreError, match="word_starts: expected 2 flags, got 1"):
            TokenStore.from_documents([[[5, 6]]], 10, [True])

    def test_a_segmenter_that_changes_the_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Changing:
            def cut(self, text: str) -> list[str]:
                return [text, "more"]

        package = type("Package", (), {"Jieba": Changing})
        monkeypatch.setattr(segmenter_module, "_imported", lambda name: (package, "1"))
        with pytest.raises(RunError, match="changed the text"):
            Segmenter("rjieba", LOWER.basic).ideograph_starts("研究")
