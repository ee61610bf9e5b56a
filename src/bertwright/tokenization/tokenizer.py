"""Text to ids and back: vocabulary and settings put to work."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bertwright.errors import VocabularyError
from bertwright.tokenization import folder
from bertwright.tokenization.basic import BasicTokenizer, Word
from bertwright.tokenization.encoding import Encoding
from bertwright.tokenization.engine import Engine, Ids
from bertwright.tokenization.remarks import remarks
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.vocabulary import CONTINUATION, SPECIAL_TOKENS, Vocabulary
from bertwright.tokenization.wordpiece import WordPiece

_SPECIAL = re.compile("|".join(map(re.escape, SPECIAL_TOKENS)))


class Tokenizer:
    """BERT's tokenizer: basic tokenizer, then WordPiece.

    It adds no special tokens; :func:`bertwright.tokenization.encoding.assemble` does.
    """

    def __init__(self, vocabulary: Vocabulary, settings: TokenizerSettings | None = None) -> None:
        self.vocabulary = vocabulary
        self.settings = settings or TokenizerSettings()
        self.basic = BasicTokenizer(self.settings)
        self.wordpiece = WordPiece(vocabulary, self.settings.max_input_chars_per_word)

    @classmethod
    def load(cls, path: str | Path, lower_case: bool | None = None) -> Tokenizer:
        """From a folder with tokenizer files (ours or Hugging Face's) or from a bare ``vocab.txt``.

        Args:
            path: the folder or file.
            lower_case: overrides what is stored. A bare file stores nothing, and lower-cases; a folder with
                nothing but ``vocab.txt`` does so unless its vocabulary has capital letters.

        Raises:
            VocabularyError: files are missing, malformed, contradict each other, or are no WordPiece.
            DigestError: a file differs from what the folder's manifest says.
        """
        vocabulary, settings = folder.read(Path(path))
        if lower_case is not None:
            settings = settings.model_copy(update={"do_lower_case": lower_case})
        return cls(vocabulary, settings)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.vocabulary, self.settings))

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the vocabulary and the settings: equal digests give equal ids."""
        settings = json.dumps(self.settings.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(f"{self.vocabulary.digest}\n{settings}".encode()).hexdigest()

    def encode(self, text: str, *, allow_special: bool = False) -> Encoding:
        """The pieces of ``text``.

        Args:
            text: any string.
            allow_special: let ``[MASK]`` and the other special tokens, typed exactly so, become their ids.
                Not for text from outside, which could then pretend to be two texts.
        """
        encoding = Encoding([], [], [], [])
        place = 0
        for special in _SPECIAL.finditer(text) if allow_special else ():
            self._append(encoding, self.basic.words(text, place, special.start()))
            place = special.end()
            _append_piece(encoding, special.group(), self.vocabulary.id(special.group()), special.span())
        self._append(encoding, self.basic.words(text, place))
        return encoding

    def encode_ids(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text, exactly those of :meth:`encode`, by the fast engine where it can."""
        flat, offsets = self.words_to_ids(texts)
        return [flat[start:stop] for start, stop in pairwise(offsets.tolist())]

    def words_to_ids(self, chunks: Sequence[str]) -> tuple[Ids, np.ndarray[Any, np.dtype[np.int64]]]:
        """The ids of all chunks in one array, exactly those of :meth:`encode`.

        Args:
            chunks: texts, in the fastest case without white space inside and each different.

        Returns:
            ids uint32 ``(n,)``, and offsets int64 ``(len(chunks) + 1,)``: chunk ``i`` has
            ``ids[offsets[i] : offsets[i + 1]]``.
        """
        parts: list[Ids] = []
        lengths = [np.zeros(1, np.int64)]
        for block in self._engine.blocks(chunks):
            ids, counts = self._block_ids(block)
            parts.append(ids)
            lengths.append(counts)
        flat = np.concatenate(parts) if parts else np.zeros(0, np.uint32)
        return flat, np.cumsum(np.concatenate(lengths))

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """Pieces put together again, with a blank between words; what was lower-cased or stripped stays so.

        Raises:
            VocabularyError: an id outside the vocabulary.
        """
        words: list[str] = []
        for index in map(int, ids):
            if not 0 <= index < len(self.vocabulary):
                raise VocabularyError(f"id {index}: expected 0 to {len(self.vocabulary) - 1}")
            token = self.vocabulary.tokens[index]
            if skip_special and index in self.vocabulary.special_ids and token != "[UNK]":
                continue
            if token.startswith(CONTINUATION) and words:
                words[-1] += token[len(CONTINUATION) :]
            else:
                words.append(token)
        return " ".join(words)

    def remarks(self) -> list[str]:
        """What is odd about the vocabulary under these settings, a sentence each; mostly nothing."""
        return remarks(self.vocabulary, self.settings)

    def files(self, *, model_max_length: int | None = None) -> dict[str, bytes]:
        """What to write into a folder that :meth:`load` and ``transformers.AutoTokenizer`` open.

        Args:
            model_max_length: the longest row of the model, when there is a model.
        """
        return folder.files(self.vocabulary, self.settings, model_max_length)

    @cached_property
    def _engine(self) -> Engine:
        return Engine(self.vocabulary, self.settings)

    def _append(self, encoding: Encoding, words: Iterable[Word]) -> None:
        """Adds the pieces of ``words``."""
        tokens = self.vocabulary.tokens
        first = encoding.word_ids[-1] + 1 if encoding.word_ids else 0
        for word_id, word in enumerate(words, first):
            ids = self.wordpiece.pieces(word.text)
            if len(ids) == 1:  # a known word, or an unknown one as a whole
                encoding.offsets.append(word.span(0, len(word.text)))
            else:
                encoding.offsets.extend(_spans(word, [tokens[index] for index in ids]))
            encoding.tokens.extend([tokens[index] for index in ids])
            encoding.ids.extend(ids)
            encoding.word_ids.extend([word_id] * len(ids))

    def _block_ids(self, block: Sequence[str]) -> tuple[Ids, np.ndarray[Any, np.dtype[np.int64]]]:
        """Ids and their number for each text of one block."""
        hard = self._engine.unanswerable(block)
        if not hard:
            return self._engine.ids(block)
        easy = [text if index not in hard else "" for index, text in enumerate(block)]
        ids, counts = self._engine.ids(easy)
        pieces = np.split(ids, np.cumsum(counts)[:-1])
        for index in hard:
            pieces[index] = self._plain_ids(block[index])
        return np.concatenate(pieces), np.array([len(piece) for piece in pieces], dtype=np.int64)

    def _plain_ids(self, text: str) -> Ids:
        ids = [index for word in self.basic.words(text) for index in self.wordpiece.pieces(word.text)]
        return np.array(ids, dtype=np.uint32)


def _append_piece(encoding: Encoding, token: str, index: int, offsets: tuple[int, int]) -> None:
    """Adds one piece that is a word of its own."""
    encoding.tokens.append(token)
    encoding.ids.append(index)
    encoding.offsets.append(offsets)
    encoding.word_ids.append(encoding.word_ids[-1] + 1 if encoding.word_ids else 0)


def _spans(word: Word, pieces: Iterable[str]) -> Iterator[tuple[int, int]]:
    """The ranges of the original text behind the pieces of a word that begins with the first of them."""
    start = 0
    for piece in pieces:
        stop = start + len(piece) - (len(CONTINUATION) if start else 0)
        yield word.span(start, stop)
        start = stop
