"""The list of pieces: one token a line, its id is the number of the line, counted from 0."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from bertwright.errors import VocabularyError, quote
from bertwright.tokenization.characters import SPACES, is_ideograph

CONTINUATION = "##"
"""Begins the pieces that continue a word."""

PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""The special tokens; every vocabulary has all five, on any line."""

MAX_TOKENS = 1_000_000
MAX_BYTES = 64 << 20

_SPACE = re.compile(f"[{SPACES}]")
_UNFIT = re.compile(f"[{SPACES}\ud800-\udfff]")  # white space, or half a surrogate pair
_UNK_LINE = re.compile(rb"^\[UNK\]\r?$", re.MULTILINE)  # on any line, but in no JSON
_ALL_FIVE = "a vocabulary has all of " + ", ".join(SPECIAL_TOKENS)


class Vocabulary:
    """An immutable list of different tokens with the five special ones among them."""

    def __init__(
        self, tokens: Iterable[str], source: str | Path = "vocabulary", *, in_lines: bool = False
    ) -> None:
        """See :meth:`from_tokens`; messages name ``source``, and lines (from 1) or ids (from 0) of it."""
        self.tokens: tuple[str, ...] = tuple(tokens)
        self._ids = _check(self.tokens, source, in_lines)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            self._ids[t] for t in SPECIAL_TOKENS
        )
        self.special_ids = frozenset(self._ids[token] for token in SPECIAL_TOKENS)

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """The vocabulary in a bare ``vocab.txt``.

        Raises:
            VocabularyError: missing, a directory, empty, too large, not UTF-8, a byte order mark, line ends
                other than ``\\n``, a blank or repeated line, white space in a token, a special token missing.
        """
        return cls(_lines(_read(Path(path)), path), path, in_lines=True)

    @classmethod
    def from_tokens(cls, tokens: Sequence[str]) -> Vocabulary:
        """The vocabulary in which ``tokens[i]`` has id ``i``.

        Raises:
            VocabularyError: as :meth:`load`.
        """
        return cls(tokens)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    def __hash__(self) -> int:
        return hash(self.tokens)

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self):,} tokens, {self.digest[:12]}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.tokens,))

    def id(self, token: str) -> int:
        """The id of ``token``.

        Raises:
            VocabularyError: it is not in the vocabulary.
        """
        try:
            return self._ids[token]
        except KeyError:
            raise VocabularyError(f"expected a token of the vocabulary, got {quote(token)}") from None

    def ids(self) -> dict[str, int]:
        """Token -> id, in the order of the ids; a copy."""
        return dict(self._ids)

    @cached_property
    def starts_word(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """bool ``(len(self),)``: False for the pieces ``##...`` that continue a word."""
        found = np.array([not token.startswith(CONTINUATION) for token in self.tokens], dtype=np.bool_)
        found.flags.writeable = False
        return found

    @cached_property
    def ideographs(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """bool ``(len(self),)``: True for the entries that are one Chinese character."""
        found = np.array([len(token) == 1 and is_ideograph(token) for token in self.tokens], dtype=np.bool_)
        found.flags.writeable = False
        return found

    def to_text(self) -> str:
        """The contents of ``vocab.txt``."""
        return "".join(f"{token}\n" for token in self.tokens)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of :meth:`to_text` in UTF-8."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()


def _read(path: Path) -> bytes:
    """The bytes of a regular file of bearable size."""
    try:
        if not path.is_file():
            got = "a directory" if path.is_dir() else "no regular file" if path.exists() else "nothing there"
            raise VocabularyError.at(path, "a vocabulary file (one token a line)", got)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the path
        got = getattr(problem, "strerror", None) or str(problem)
        raise VocabularyError.at(path, "a readable vocabulary file", got) from None
    if len(data) > MAX_BYTES:
        raise VocabularyError.at(path, f"at most {MAX_BYTES:,} bytes", "more")
    return data


def _lines(data: bytes, path: str | Path) -> list[str]:
    """The lines of ``data``, its encoding and line ends checked; one LF at the end begins no new line."""

    def refuse(expected: str, got: object, at: int | None = None, hint: str | None = None) -> NoReturn:
        line = None if at is None else data.count(b"\n", 0, at) + 1
        raise VocabularyError.at(path, expected, got, line=line, hint=hint)

    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        refuse("UTF-8", "UTF-16", hint="save the file as UTF-8 without a byte order mark")
    if data.startswith(b"\xef\xbb\xbf"):
        refuse("a token", "a byte order mark", 0, "save the file as UTF-8 without one")
    bracketed = data.lstrip()[:1] in (b"{", b"[") and data.rstrip()[-1:] in (b"}", b"]")
    if bracketed and not _UNK_LINE.search(data):
        refuse("one token a line", "JSON", hint="a tokenizer.json is read through the folder that holds it")
    if (place := data.find(b"\r")) >= 0:
        crlf = data[place + 1 : place + 2] == b"\n"
        refuse(
            "lines that end with LF", "CRLF" if crlf else "a lone CR", place, "convert the line ends to LF"
        )
    if (count := data.count(b"\n")) > MAX_TOKENS:
        refuse(f"at most {MAX_TOKENS:,} tokens", f"{count:,} lines")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        refuse("UTF-8", f"byte 0x{data[problem.start]:02x} at offset {problem.start}", problem.start)
    return text.removesuffix("\n").split("\n") if text else []


def _check(tokens: Sequence[str], source: str | Path, in_lines: bool) -> dict[str, int]:
    """Token -> id, after refusing what cannot be a vocabulary."""
    if not tokens:
        raise VocabularyError.at(source, "tokens", "an empty file" if in_lines else "none")
    if len(tokens) > MAX_TOKENS:
        raise VocabularyError.at(source, f"at most {MAX_TOKENS:,} tokens", f"{len(tokens):,}")
    ids: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if _UNFIT.search(token) or not token:
            line, field = (index + 1, None) if in_lines else (None, f"id {index}")
            raise VocabularyError.at(source, *_unfit(token), line=line, field=field)
        if ids.setdefault(token, index) != index:
            line, field = (index + 1, None) if in_lines else (None, f"id {index}")
            hint = f"{_place(ids[token], in_lines)} has it already"
            raise VocabularyError.at(source, "each token once", token, line=line, field=field, hint=hint)
    for special in SPECIAL_TOKENS:
        if special not in ids:
            other = _other_spelling(special, ids)
            hint = f"{_place(ids[other], in_lines)} has {other}: write {special}" if other else _ALL_FIVE
            raise VocabularyError.at(source, f"the special token {special}", "none", hint=hint)
    return ids


def _place(index: int, in_lines: bool) -> str:
    return f"line {index + 1}" if in_lines else f"id {index}"


def _unfit(token: str) -> tuple[str, str]:
    """What was expected instead of ``token``, and what there is."""
    bare = token.strip(SPACES)
    if not bare:
        return "a token", "a blank line"
    if not _SPACE.search(token):
        return "a token that UTF-8 can hold", token
    return f"a token without white space {'around' if bare != token else 'inside'}", token


def _other_spelling(special: str, ids: Mapping[str, int]) -> str | None:
    """A token of the vocabulary that is probably meant as ``special``."""
    name = special.strip("[]")
    spellings = (special.lower(), special.title(), name, name.lower(), f"<{name}>", f"<{name.lower()}>")
    return next((spelling for spelling in spellings if spelling in ids), None)
