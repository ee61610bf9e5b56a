"""The list of pieces: one token a line, its id is the number of the line, counted from 0."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from bertwright.errors import VocabularyError, quote
from bertwright.tokenization.characters import SPACES

CONTINUATION = "##"
"""Begins the pieces that continue a word."""

PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""The special tokens; every vocabulary has all five, on any line."""

MAX_TOKENS = 1_000_000
MAX_BYTES = 64 << 20


class Vocabulary:
    """An immutable list of different tokens with the five special ones among them."""

    def __init__(self, tokens: Iterable[str], source: str | Path = "vocabulary") -> None:
        """See :meth:`from_tokens`; ``source`` is named in messages."""
        self.tokens: tuple[str, ...] = tuple(tokens)
        self._ids = _check(self.tokens, source)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            self._ids[t] for t in SPECIAL_TOKENS
        )
        self.special_ids = frozenset(self._ids[token] for token in SPECIAL_TOKENS)

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """The vocabulary in a bare ``vocab.txt``.

        Raises:
            VocabularyError: missing, a directory, empty, too large, not UTF-8, a byte order mark, line ends other than
                ``\\n``, a blank or repeated line, white space in a token, a special token missing.
        """
        return cls(_lines(_read(Path(path)), path), path)

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

    def to_text(self) -> str:
        """The contents of ``vocab.txt``."""
        return "".join(f"{token}\n" for token in self.tokens)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of :meth:`to_text` in UTF-8."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise VocabularyError.at(path, "a vocabulary", "nothing there") from None
    except IsADirectoryError:
        raise VocabularyError.at(path, "a vocab.txt", "a directory") from None
    except (OSError, ValueError) as problem:
        raise VocabularyError.at(
            path, "a readable vocabulary", getattr(problem, "strerror", None) or str(problem)
        ) from None
    if len(data) > MAX_BYTES:
        raise VocabularyError.at(path, f"at most {MAX_BYTES:,} bytes", "more")
    return data


def _lines(data: bytes, path: str | Path) -> list[str]:
    """The lines of ``data``, its encoding and line ends checked; one final line end is no blank line."""

    def refuse(expected: str, got: object, line: int | None = None, hint: str | None = None) -> NoReturn:
        raise VocabularyError.at(path, expected, got, line=line, hint=hint)

    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        refuse("UTF-8", "UTF-16", hint="save the file as UTF-8 without a byte order mark")
    if data.startswith(b"\xef\xbb\xbf"):
        refuse("UTF-8 without a byte order mark", "one before the first token", 1, "save the file without it")
    if data.lstrip()[:1] in (b"{", b'"') or data.lstrip().startswith((b'["', b"[\n")):
        refuse("one token a line", "JSON", hint="a tokenizer.json is read through the folder that holds it")
    carriage = data.find(b"\r")
    if carriage >= 0:
        line = data.count(b"\n", 0, carriage) + 1
        kind = "CRLF" if data[carriage + 1 : carriage + 2] == b"\n" else "a carriage return"
        refuse("lines that end with LF", kind, line, "convert the line ends")
    if data.count(b"\n") > MAX_TOKENS:
        refuse(f"at most {MAX_TOKENS:,} tokens", f"{data.count(10):,} lines")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        refuse("UTF-8", f"byte 0x{data[problem.start]:02x} at offset {problem.start}", line)
    return text.removesuffix("\n").split("\n") if text else []


def _check(tokens: Sequence[str], source: str | Path) -> dict[str, int]:
    """Token -> id, after refusing what cannot be a vocabulary. Lines in messages count from 1."""
    if not tokens:
        raise VocabularyError.at(source, "one token a line", "an empty file")
    if len(tokens) > MAX_TOKENS:
        raise VocabularyError.at(source, f"at most {MAX_TOKENS:,} tokens", len(tokens))
    ids = {token: index for index, token in enumerate(tokens)}
    if len(ids) < len(tokens) or any(map(_has_space, tokens)):
        _refuse_line(tokens, source)
    for special in SPECIAL_TOKENS:
        if special not in ids:
            found = next(
                (
                    t
                    for t in (special.lower(), special.strip("[]"), f"<{special.strip('[]').lower()}>")
                    if t in ids
                ),
                None,
            )
            hint = (
                f"line {ids[found] + 1} has {found}"
                if found
                else "every vocabulary needs it on a line of its own"
            )
            raise VocabularyError.at(source, f"the special token {special}", "none", hint=hint)
    return ids


def _has_space(token: str) -> bool:
    return not token or any(character in token for character in SPACES)


def _refuse_line(tokens: Sequence[str], source: str | Path) -> NoReturn:
    """Raises for the first line that is blank, has white space, or repeats an earlier one."""
    seen: dict[str, int] = {}
    for line, token in enumerate(tokens, 1):
        if not token.strip(SPACES):
            raise VocabularyError.at(source, "a token", "a blank line", line=line)
        if token != token.strip(SPACES):
            raise VocabularyError.at(source, "a token without white space around it", token, line=line)
        if _has_space(token):
            raise VocabularyError.at(source, "a token without white space inside", token, line=line)
        if token in seen:
            hint = f"line {seen[token]} has it already"
            raise VocabularyError.at(source, "each token once", token, line=line, hint=hint)
        seen[token] = line
    raise AssertionError("every line is fine")
