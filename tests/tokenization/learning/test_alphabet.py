"""Which characters are in a vocabulary."""

from __future__ import annotations

from collections import Counter

import pytest

from bertwright.tokenization import TokenizerSettings
from bertwright.tokenization.learning import alphabet
from bertwright.tokenization.learning.alphabet import Alphabet
from bertwright.tokenization.learning.counting import WordCounts


def alphabet_of(text: str, **choices: bool) -> Alphabet:
    """Of a text whose words are single characters."""
    return Alphabet.of([WordCounts.of(Counter(text))], TokenizerSettings(**choices))


def test_pieces() -> None:
    found = alphabet_of("ba.a漢")
    assert found.counts.tolist() == [1, 2, 1, 1]
    assert found.pieces() == [".", "a", "b", "漢", "##a", "##b"]
    assert found.num_pieces == 6 and len(found) == 4
    assert alphabet_of("漢", tokenize_chinese_chars=False).pieces() == ["漢", "##漢"]


def test_parts_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alphabet, "_WORDS_AT_ONCE", 2)
    parts = [WordCounts.of({"aab": 3, "b": 1, "c": 5}), WordCounts.of({"ba": 4})]
    found = Alphabet.of(parts, TokenizerSettings())
    assert dict(zip(map(chr, found.codes), found.counts.tolist(), strict=True)) == {"a": 10, "b": 8, "c": 5}


def test_frequent_enough() -> None:
    found = alphabet_of("aaabbc")
    assert found.frequent(2, 1000).pieces() == ["a", "b", "##a", "##b"]
    assert found.frequent(9, 1000).pieces() == []


@pytest.mark.parametrize(
    "room, characters", [(8, "abcd"), (7, "abd"), (6, "abd"), (5, "ab"), (3, "a"), (1, "")]
)
def test_the_most_frequent_when_room_is_short(room: int, characters: str) -> None:
    text = "aaaabbbddc"
    found = alphabet_of(text).frequent(1, room)
    assert "".join(map(chr, found.codes)) == characters
    assert [Counter(text)[c] for c in characters] == found.counts.tolist()
