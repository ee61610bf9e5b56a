"""What is odd about a vocabulary, though it can be used: tokens that no text is ever cut into."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase

from bertwright.errors import listed
from bertwright.tokenization.basic import BasicTokenizer
from bertwright.tokenization.characters import is_ideograph
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.vocabulary import CONTINUATION, Vocabulary

_SHOWN = 3


def remarks(vocabulary: Vocabulary, settings: TokenizerSettings) -> list[str]:
    """One sentence for each kind of oddity: how many tokens, and the first three of them with their lines.

    Kinds: ``##`` alone; longer than the longest word; several ideographs though each is a word of its own;
    changed by lower-casing or accent stripping; two spellings (NFC, NFD) of one text. And whether the
    vocabulary seems to be made for lower-cased text though text is not lower-cased.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    basic = BasicTokenizer(settings)
    for line, token in enumerate(vocabulary.tokens, 1):
        reason = _unreachable(token, basic)
        if reason:
            found.setdefault(f"can never be found in text: {reason}", []).append((line, token))
    twins = list(_twins(vocabulary))
    if twins:
        found["look the same as another token in other code points (NFC and NFD)"] = twins
    sentences = [_sentence(reason, tokens) for reason, tokens in found.items()]
    if not settings.do_lower_case and _is_uncased(vocabulary):
        sentences.append("no token has a capital letter (is this an uncased vocabulary? give --lower-case)")
    return sentences


def _is_uncased(vocabulary: Vocabulary) -> bool:
    """Whether it has small ASCII letters and no capital one as tokens."""
    return any(c in vocabulary for c in ascii_lowercase) and not any(c in vocabulary for c in ascii_uppercase)


def _unreachable(token: str, basic: BasicTokenizer) -> str | None:
    if token == CONTINUATION:
        return "they continue a word with nothing"
    if token.startswith("[") and token.endswith("]"):
        return None  # special and unused tokens are not meant to be found
    text = token.removeprefix(CONTINUATION)
    settings = basic.settings
    if len(text) > settings.max_input_chars_per_word:
        return f"longer than the longest word, {settings.max_input_chars_per_word} characters"
    if settings.tokenize_chinese_chars and len(text) > 1 and any(map(is_ideograph, text)):
        return "every ideograph is a word of its own"
    words = basic.tokenize(text)
    if len(words) != 1 or words[0] == text:  # pieces of several words, like "...", are harmless
        return None
    if words[0].casefold() == text.casefold():
        return "lower-casing changes them (is this a cased vocabulary?)"
    return "lower-casing or the stripping of accents changes them"


def _twins(vocabulary: Vocabulary) -> Iterator[tuple[int, str]]:
    """Tokens that another token equals after canonical composition, the first of each group left out."""
    first: dict[str, str] = {}
    for line, token in enumerate(vocabulary.tokens, 1):
        if token.isascii() or len(token) > 1000:  # composing long runs of marks takes quadratic time
            continue
        if first.setdefault(unicodedata.normalize("NFC", token), token) != token:
            yield line, token


def _sentence(reason: str, tokens: list[tuple[int, str]]) -> str:
    shown = listed([f"line {line} {token[:40]}" for line, token in tokens], _SHOWN)
    return f"{len(tokens):,} token{'s' if len(tokens) > 1 else ''} {reason} ({shown})"
