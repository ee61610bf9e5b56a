"""Which characters are in a vocabulary."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bertwright.tokenization import TokenizerSettings
from bertwright.tokenization.learning.alphabet import Alphabet


def alphabet_of(text: str, **choices: bool) -> Alphabet:
    codes = np.array([ord(character) for character in text], np.uint32)
    return Alphabet.of([(codes, np.ones(len(codes), np.int64))], TokenizerSettings(**choices))


def test_pieces() -> None:
    found = alphabet_of("ba.a漢")
    assert found.counts.tolist() == [1, 2, 1, 1]
    assert found.pieces() == [".", "a", "b", "漢", "##a", "##b"]
    assert found.num_pieces == 6 and len(found) == 4
    assert alphabet_of("漢", tokenize_chinese_chars=False).pieces() == ["漢", "##漢"]


def test_parts_add_up() -> None:
    letters = np.array([ord("a"), ord("b")], np.uint32)
    found = Alphabet.of([(letters, np.array([3, 1])), (letters[:1], np.array([4]))], TokenizerSettings())
    assert found.counts.tolist() == [7, 1]


def test_frequent_enough() -> None:
    found = alphabet_of("aaabbc")
    assert found.frequent(2, 1000).pieces() == ["a", "b", "##a", "##b"]
    assert found.frequent(9, 1000).pieces() == []


@pytest.mark.parametrize("room, characters", [(8, "abcd"), (7, "abd"), (6, "abd"), (5, "ab"), (3, "a"), (1, "")])
def test_the_most_frequent_when_room_is_short(room: int, characters: str) -> None:
    text = "aaaabbbddc"
    found = alphabet_of(text).frequent(1, room)
    assert "".join(map(chr, found.codes)) == characters
    assert [Counter(text)[c] for c in characters] == found.counts.tolist()
