"""How large a row is told to be."""

from __future__ import annotations

import math
import string
import time

from hypothesis import given
from hypothesis import strategies as st

from bertwright.serving.sizes import characters, tokens_of


def test_by_hand() -> None:
    assert characters({"question": "ab", "choices": ["c", None]}) == 3
    assert tokens_of("abc") == 3 + 1 + 1
    assert tokens_of("a, b") == 3 + 1 + 1 + 1  # a sign, and three other bytes
    assert tokens_of({"words": ["北京", "!"]}) == 3 + 2 + 1 + 2


@given(st.lists(st.text(max_size=20), max_size=8))
def test_it_is_what_its_texts_come_to(texts: list[str]) -> None:
    """Each sign of ASCII is one, and so are three other bytes, begun ones too."""
    signs = [sum(text.count(sign) for sign in string.punctuation) for text in texts]
    others = [math.ceil((len(text.encode()) - n) / 3) for text, n in zip(texts, signs, strict=True)]
    exact = 3 + sum(signs) + sum(others)
    assert exact <= tokens_of({"words": texts}) <= exact + len(texts)


def test_many_words_take_no_time() -> None:
    """It happens where all connections are served."""
    row = {"words": 10_000 * ["a"]}
    begun = time.process_time()
    for _ in range(32):
        tokens_of(row)
    assert time.process_time() - begun < 2  # a pass for every word and sign would take twenty
