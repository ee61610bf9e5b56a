"""The `tokenizers` trainer on the same text at the same size: ours needs no more pieces and knows no less."""

from __future__ import annotations

import lzma
from collections import Counter
from pathlib import Path

import pytest
from shared import shared_path
from tokenizers import BertWordPieceTokenizer

from bertwright.tokenization import BasicTokenizer, Tokenizer, Vocabulary
from bertwright.tokenization.learning import learn_vocabulary
from bertwright.tokenization.learning.counting import WordCounts
from bertwright.tokenization.learning.report import measure
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS

WHOLE_ALPHABET = 1_000_000


def trained(path: Path, size: int) -> Vocabulary:
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train([str(path)], vocab_size=size, limit_alphabet=WHOLE_ALPHABET, show_progress=False)
    ids = tokenizer.get_vocab()
    assert set(SPECIAL_TOKENS) < set(ids)
    return Vocabulary(sorted(ids, key=ids.__getitem__))


def words_of(text: str) -> WordCounts:
    basic = BasicTokenizer()
    return WordCounts.of(Counter(word for line in text.split("\n") for word in basic.tokenize(line)))


def compare(path: Path, size: int, held_out: str) -> None:
    ours = learn_vocabulary([path], size=size)
    theirs = trained(path, size)
    assert len(ours.vocabulary) == len(theirs) == size
    words = words_of(held_out)
    mine, peer = measure(ours.vocabulary, words, 200), measure(theirs, words, 200)
    assert mine.pieces_per_word <= peer.pieces_per_word
    assert mine.unk_words <= peer.unk_words


@pytest.mark.parametrize("size", [8000, 4000])
def test_a_part_of_the_english_text(tmp_path: Path, size: int) -> None:
    text = shared_path("data/corpus/en_wikipedia_valid.txt").read_text(encoding="utf-8")
    middle = text.index("\n\n", len(text) * 2 // 3)
    path = tmp_path / "part.txt"
    path.write_text(text[:middle], encoding="utf-8")
    compare(path, size, text[middle:])


@pytest.mark.slow
@pytest.mark.parametrize("name, size", [("en_wikipedia", 30522), ("zh_wikipedia_simplified", 21128)])
def test_the_whole_text(tmp_path: Path, name: str, size: int) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(lzma.decompress(shared_path(f"data/corpus/{name}.txt.xz").read_bytes()))
    compare(path, size, shared_path(f"data/corpus/{name}_valid.txt").read_text(encoding="utf-8"))


def test_the_folder_opens_in_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    path = shared_path("data/corpus/bert_sample_text.txt")
    learn_vocabulary([path], size=600).save(tmp_path / "vocab")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "vocab")
    ours = Tokenizer.load(tmp_path / "vocab")
    for line in path.read_text(encoding="utf-8").split("\n"):
        assert theirs(line, add_special_tokens=False)["input_ids"] == ours.encode(line).ids
