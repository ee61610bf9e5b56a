"""The Rust engine of Hugging Face's ``tokenizers``, used only where its answer is provably ours.

Both drop, map, put apart or keep each character by itself. Only two things depend on its neighbours: a
capital sigma is lower-cased otherwise at the end of a word (by us), and marks are put into canonical order
(which shows only in marks that are not dropped). So a text has the same words in both if each of its
characters (1) is treated alike by both when alone, (2) is no capital sigma, if lower-casing, and (3) is no
mark that has an order and stays. On the same words, the same greedy search finds the same pieces.

Property (1) is tried on both the first time a character is met, so it holds for whatever Unicode tables this
Python and this engine were built with. All other text goes through our own
:class:`~bertwright.tokenization.basic.BasicTokenizer`.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bertwright.tokenization.basic import BasicTokenizer
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.vocabulary import UNK, Vocabulary

_BOUNDARY = "\u203d"  # interrobang: punctuation to both, of its own, and rare
_CAPITAL_SIGMA = "\u03a3"
_BLOCK_CHARACTERS = 1 << 18  # texts joined for one call of the engine
_KNOWN_CHARACTERS = 1 << 17  # then all are tried anew: hostile text must not fill the memory

Ids = np.ndarray[Any, np.dtype[np.uint32]]


class Engine:
    """Ids of many texts at once, for the texts it can answer."""

    def __init__(self, vocabulary: Vocabulary, settings: TokenizerSettings) -> None:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

        # One text at a time needs none of its threads, and without them a later fork() gives no warning.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self._basic = BasicTokenizer(settings)
        self._boundary_id = len(vocabulary)
        ids = {**vocabulary.ids(), _BOUNDARY: self._boundary_id}
        model = models.WordPiece(
            ids, unk_token=UNK, max_input_chars_per_word=settings.max_input_chars_per_word
        )
        self._tokenizer = Tokenizer(model)
        self._tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=settings.tokenize_chinese_chars,
            strip_accents=settings.strips_accents,
            lowercase=settings.do_lower_case,
        )
        self._tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self._alike: set[str] = set()
        self._different: set[str] = set()

    def words(self, text: str) -> list[str]:
        """The engine's own words of ``text``, for comparison."""
        normalized = self._tokenizer.normalizer.normalize_str(text)
        return [word for word, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(normalized)]

    def unanswerable(self, texts: Sequence[str]) -> set[int]:
        """The indices of the texts it cannot answer: of some character it is not proven that both agree."""
        characters = set("".join(texts))
        if len(self._alike) + len(self._different) > _KNOWN_CHARACTERS:
            self._alike.clear()
            self._different.clear()
        for character in characters - self._alike - self._different:
            (self._alike if self._is_alike(character) else self._different).add(character)
        odd = characters & self._different
        return {index for index, text in enumerate(texts) if not odd.isdisjoint(text)} if odd else set()

    def blocks(self, texts: Sequence[str]) -> Iterator[Sequence[str]]:
        """``texts`` in parts of convenient size."""
        start = size = 0
        for index, text in enumerate(texts):
            size += len(text) + 1
            if size >= _BLOCK_CHARACTERS:
                yield texts[start : index + 1]
                start, size = index + 1, 0
        if start < len(texts):
            yield texts[start:]

    def ids(self, texts: Sequence[str]) -> tuple[Ids, np.ndarray[Any, np.dtype[np.int64]]]:
        """The ids of all ``texts``, each of which it can answer.

        Returns:
            ids uint32 ``(n,)``, and int64 ``(len(texts),)``: how many of them belong to each text.
        """
        if not texts:
            return np.zeros(0, np.uint32), np.zeros(0, np.int64)
        joined = _BOUNDARY.join(texts)
        encoding = self._tokenizer.encode_batch_fast([joined], add_special_tokens=False)[0]
        flat = np.array(encoding.ids, dtype=np.uint32)
        boundaries = np.flatnonzero(flat == self._boundary_id)
        ends = np.append(boundaries, len(flat))
        lengths = np.diff(ends, prepend=-1) - 1
        return np.delete(flat, boundaries), lengths.astype(np.int64)

    def _is_alike(self, character: str) -> bool:
        if character == _BOUNDARY or "\ud800" <= character <= "\udfff":  # surrogates cannot be handed over
            return False
        if character == _CAPITAL_SIGMA and self._basic.settings.do_lower_case:
            return False
        for part in unicodedata.normalize("NFD", character):
            if unicodedata.combining(part) and unicodedata.category(part) != "Mn":
                return False
        return all(
            self.words(probe) == self._basic.tokenize(probe) for probe in (f"a{character}b", character)
        )
