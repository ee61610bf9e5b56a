"""What the original's basic tokenizer asks of a character, for every code point.

The questions and the CJK blocks are those of ``tokenization.py`` in google-research/bert (commit eedf571);
general categories come from the running Python's ``unicodedata``.
"""

from __future__ import annotations

import unicodedata
from enum import IntEnum
from functools import lru_cache

SPACES = (
    " \t\n\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
"""What the original calls white space: blank, tab, line feed, carriage return and the category Zs."""

SEPARATORS = SPACES + "\u2028\u2029"
"""Where words end. The line and paragraph separators are not white space to the original, but Python's
``str.split``, to which it leaves the splitting, splits there."""

CJK_BLOCKS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""The ideographs (first, last): no kana, no Hangul, which are written with spaces or as phonetic words."""


class Kind(IntEnum):
    """What becomes of a character before words are normalized."""

    KEPT = 1
    DROPPED = 2
    SEPARATOR = 3
    IDEOGRAPH = 4


@lru_cache(maxsize=1 << 16)
def kind_of(character: str) -> Kind:
    """The :class:`Kind` of one character."""
    if character in SEPARATORS:
        return Kind.SEPARATOR
    if character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cf"):
        return Kind.DROPPED
    return Kind.IDEOGRAPH if is_ideograph(character) else Kind.KEPT


def is_ideograph(character: str) -> bool:
    """Whether the character lies in one of the :data:`CJK_BLOCKS`."""
    code_point = ord(character)
    return code_point >= 0x3400 and any(first <= code_point <= last for first, last in CJK_BLOCKS)


@lru_cache(maxsize=1 << 16)
def is_punctuation(character: str) -> bool:
    """Whether the character is a word of its own.

    So are the categories P* and all of printable ASCII that is no letter, digit or blank, with ``$`` and
    ``^``, which Unicode calls symbols.
    """
    if character < "\x80":
        return not character.isalnum() and "!" <= character <= "~"
    return unicodedata.category(character).startswith("P")
