"""A literal copy of what the original does, slow and without positions, to compare with; and golden data."""

from __future__ import annotations

import gzip
import json
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

from shared import json_lines, shared_path

from bertwright.tokenization import Tokenizer, TokenizerSettings, Vocabulary

SURROGATES = range(0xD800, 0xE000)
CASINGS = {"lower": True, "keep": False}


def basic_tokenize(text: str, lower: bool, strip: bool | None = None, cjk: bool = True) -> list[str]:
    """``BasicTokenizer.tokenize`` step by step, with ``unicodedata.normalize`` on whole words."""
    strip = lower if strip is None else strip
    cleaned = []
    for c in text:
        if c in "\t\n\r" or unicodedata.category(c) == "Zs":
            cleaned.append(" ")
        elif ord(c) not in (0, 0xFFFD) and unicodedata.category(c) not in ("Cc", "Cf"):
            cleaned.append(f" {c} " if cjk and _is_chinese(ord(c)) else c)
    words = []
    for token in "".join(cleaned).split():
        word = token.lower() if lower else token
        if strip:
            word = "".join(c for c in unicodedata.normalize("NFD", word) if unicodedata.category(c) != "Mn")
        words += "".join(f" {c} " if _is_punctuation(c) else c for c in word).split()
    return words


def wordpiece(word: str, vocabulary: Vocabulary, longest: int = 200) -> list[str]:
    """``WordpieceTokenizer.tokenize`` on one word."""
    if len(word) > longest:
        return ["[UNK]"]
    pieces, start = [], 0
    while start < len(word):
        for stop in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:stop]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        start = stop
    return pieces


def _is_chinese(code: int) -> bool:
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0x20000 <= code <= 0x2A6DF
        or 0x2A700 <= code <= 0x2B73F
        or 0x2B740 <= code <= 0x2B81F
        or 0x2B820 <= code <= 0x2CEAF
        or 0xF900 <= code <= 0xFAFF
        or 0x2F800 <= code <= 0x2FA1F
    )


def _is_punctuation(c: str) -> bool:
    code = ord(c)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(c).startswith("P")


@cache
def vocabulary(name: str) -> Vocabulary:
    """One of the three published vocabularies."""
    return Vocabulary.load(shared_path(f"data/vocab/bert-base-{name}-vocab.txt"))


@cache
def tokenizer(name: str, lower: bool) -> Tokenizer:
    """A published vocabulary with words of at most 200 characters."""
    return Tokenizer(vocabulary(name), TokenizerSettings(do_lower_case=lower))


@cache
def golden_json(name: str) -> Any:
    """A (compressed) JSON file of ``golden/tokenization``."""
    data = shared_path(f"golden/tokenization/{name}").read_bytes()
    return json.loads(gzip.decompress(data) if name.endswith(".gz") else data)


@cache
def golden_strings() -> list[dict[str, Any]]:
    """The 1,555 strings with what the original makes of them."""
    return json_lines("golden/tokenization/strings.jsonl.gz")


@cache
def comparable_code_points() -> tuple[int, ...]:
    """All code points but surrogates and those that this Python's Unicode tables know better than 14.0."""
    newer: set[int] = set()
    if unicodedata.unidata_version != "14.0.0":
        newer = {int(code, 16) for code in golden_json("unicode_18_differences.json")["code_points"]}
    return tuple(c for c in range(0x110000) if c not in SURROGATES and c not in newer)


def sampled_code_points() -> list[int]:
    """Every code point of the planes that have characters, and each 101st of the others."""
    return [c for c in comparable_code_points() if c < 0x32000 or 0xE0000 <= c < 0xE1000 or c % 101 == 0]


PLANES = range(17)


def plane(number: int) -> list[int]:
    """The comparable code points of one of the 17 planes."""
    return [code for code in comparable_code_points() if code >> 16 == number]


def in_ranges(ranges: Iterable[tuple[int, int]]) -> set[int]:
    """The numbers in inclusive ranges."""
    return {code for first, last in ranges for code in range(first, last + 1)}
