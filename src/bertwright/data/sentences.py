"""Lines of a document -> sentences.

Sentences are found by ``sentencex``, which knows abbreviations and the punctuation of some 300 languages.
Nothing of a line is lost or changed, and the end of a line ends a sentence.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable
from itertools import accumulate, pairwise

import sentencex

from bertwright.errors import UsageError, quote

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")
_LONG_LINE = 10_000  # characters; sentencex can take quadratic time
# sentencex 1.0 takes every blank for one byte wide, and panics where an initial stands beside a wider one.
_WIDE_BLANKS = re.compile("[\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_ENDS = re.compile(r"[.!?。！？।؟…]\s*|\s+")


def check_language(language: str) -> str:
    """``language`` when it is written as a language code is: ``en``, ``zh``, ``pt-BR``.

    Codes that ``sentencex`` has no rules for are split by its common rules.

    Raises:
        UsageError: it is no language code.
    """
    if not _LANGUAGE.fullmatch(language):
        raise UsageError(
            f"--language: expected a language code such as en, zh or pt-BR, got {quote(language)}"
        )
    return language


def splitter_version(language: str | None) -> str | None:
    """The version of ``sentencex``, whose rules decide every end of a sentence; None without ``language``."""
    return None if language is None else importlib.metadata.version("sentencex")


def split_sentences(lines: Iterable[str], language: str | None) -> list[str]:
    """The sentences of ``lines``, in order; with ``language`` None each line is one sentence."""
    if language is None:
        return list(lines)
    sentences: list[str] = []
    for line in lines:
        if len(line) <= _LONG_LINE:
            sentences += _segment(line, language)
        else:
            for part in _parts(line):
                sentences += _segment(part, language)
    return sentences


def _segment(text: str, language: str) -> list[str]:
    if text.isascii() or not _WIDE_BLANKS.search(text):
        found: list[str] = sentencex.segment(language, text)
        return found
    stops = accumulate(map(len, sentencex.segment(language, _WIDE_BLANKS.sub(" ", text))))
    return [text[start:stop] for start, stop in pairwise([0, *stops])]


def _parts(line: str) -> list[str]:
    """A long line cut behind the last end of a sentence (else blank, else anywhere) before each limit."""
    parts = []
    start = 0
    while len(line) - start > _LONG_LINE:
        stop = start + _LONG_LINE
        best = blank = 0
        for match in _ENDS.finditer(line, start + _LONG_LINE // 2, stop):
            if match.group().isspace():
                blank = match.end()
            else:
                best = match.end()
        stop = best or blank or stop
        parts.append(line[start:stop])
        start = stop
    parts.append(line[start:])
    return parts
