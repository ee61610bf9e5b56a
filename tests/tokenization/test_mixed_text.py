"""Chinese with Latin, digits and emoji, by hand and as transformers cuts it."""

from __future__ import annotations

from pathlib import Path

import pytest
import transformers

from bertwright.tokenization.tokenizer import Tokenizer
from bertwright.tokenization.vocabulary import SPECIAL_TOKENS, Vocabulary

PIECES = [
    "我",
    "用",
    "学",
    "习",
    "，",
    "。",
    "年",
    "b",
    "##ert",
    "20",
    "##24",
    "😀",
    "iphone",
    "##15",
    "a",
    "的",
]

EXAMPLES = {
    "我用BERT学习。": ["我", "用", "b", "##ert", "学", "习", "。"],
    "2024年，我": ["20", "##24", "年", "，", "我"],
    "iPhone15的😀": ["iphone", "##15", "的", "😀"],
    "学😀习": ["学", "😀", "习"],
    "A学a": ["a", "学", "a"],
    "我\u3000用": ["我", "用"],
    "我们": ["我", "[UNK]"],
    "２０我": ["[UNK]", "我"],
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_by_hand_and_as_transformers(text: str, tmp_path: Path) -> None:
    vocabulary = Vocabulary.from_tokens([*SPECIAL_TOKENS, *PIECES])
    found = Tokenizer(vocabulary).encode(text)
    assert found.tokens == EXAMPLES[text]
    for token, (start, stop) in zip(found.tokens, found.offsets, strict=True):
        if token != "[UNK]":
            assert text[start:stop].lower() == token.removeprefix("##")
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary.tokens) + "\n", encoding="utf-8")
    theirs = transformers.BertTokenizer.from_pretrained(tmp_path)
    assert theirs(text, add_special_tokens=False)["input_ids"] == found.ids
