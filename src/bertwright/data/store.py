"""The token store: documents of sentences of ids, prepared once and read in place ever after."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bertwright import durable
from bertwright.data.shards import Bits, Ids, Offsets, Segment, id_type, read_segments
from bertwright.data.token_axis import TokenAxis, cumulated, packed
from bertwright.errors import DigestError, StoreError, shown_path
from bertwright.randomness import generator

if TYPE_CHECKING:
    from bertwright.tokenization.tokenizer import Tokenizer
    from bertwright.tokenization.vocabulary import Vocabulary

KIND = "store"
MAX_HELD_OUT = 0.5
_COUNTS = ("vocab_size", "documents", "sentences", "tokens")


class TokenStore:
    """Documents of ids on one flat axis of tokens.

    The shards of a store on disk are mapped into memory, not read: opening one costs its offsets, and
    :meth:`tokens` gives views of the mapped files. A store can also be a selection of another's documents
    (:meth:`split`), or live in memory (:meth:`from_documents`).

    Attributes:
        document_offsets: int64 (num_documents + 1,), into sentences.
        sentence_offsets: int64 (num_sentences + 1,), into the flat axis of tokens.
        vocab_size: ids are smaller.
        digest: names the contents: equal digests, equal documents.
        manifest: of a store on disk.
    """

    def __init__(
        self, axis: TokenAxis, vocab_size: int, digest: str, manifest: durable.Manifest | None = None
    ) -> None:
        self._axis = axis
        self.document_offsets = axis.document_offsets
        self.sentence_offsets = axis.sentence_offsets
        self.vocab_size = vocab_size
        self.digest = digest
        self.manifest = manifest

    # -- opening ---------------------------------------------------------------------------------------------

    @classmethod
    def open(cls, path: str | Path, *, verify: bool = True) -> TokenStore:
        """Open the store in the directory ``path``.

        Args:
            verify: compare every file with its SHA-256 (about 2 GB a second); otherwise only sizes,
                the manifest's own digest and the structure are checked.

        Raises:
            StoreError: no finished store.
            DigestError: a file is missing, cut or changed.
        """
        maker = "bertwright prepare makes one of text"
        manifest = durable.read_manifest(path, KIND, error=StoreError, maker=maker)
        counts = [manifest.fields.get(name) for name in _COUNTS]
        shards = manifest.fields.get("shards")
        if not all(isinstance(count, int) and count > 0 for count in counts) or not _names(shards, manifest):
            raise StoreError.at(manifest.path / "manifest.json", f"{', '.join(_COUNTS)} and shards")
        if verify:
            durable.verify(manifest)
        vocab_size = int(manifest.fields["vocab_size"])
        words = manifest.fields.get("words") is not None
        segments = [
            segment
            for name in manifest.fields["shards"]
            for segment in read_segments(manifest.path / name, vocab_size, words)
        ]
        store = cls(TokenAxis.whole(segments), vocab_size, manifest.digest, manifest)
        found = [vocab_size, store.num_documents, store.num_sentences, store.num_tokens]
        if found != counts:
            raise StoreError.at(manifest.path, f"{counts[1:]} documents, sentences, tokens", found[1:])
        if verify and max(int(segment.ids.max()) for segment in segments) >= vocab_size:
            raise StoreError.at(manifest.path, f"ids below {vocab_size:,}", "a larger one")
        return store

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Sequence[Sequence[int]]],
        vocab_size: int,
        word_starts: Sequence[bool] | None = None,
    ) -> TokenStore:
        """A store in memory: documents of sentences of ids.

        Args:
            word_starts: whether a word begins at each token, of all documents one after the other.

        Raises:
            StoreError: no documents, an empty document or sentence, an id outside the vocabulary, or not as
                many flags as tokens.
        """
        sentences = [sentence for document in documents for sentence in document]
        if not documents or not all(documents) or not all(len(sentence) for sentence in sentences):
            raise StoreError("expected at least one document, and no empty document or sentence")
        flat = np.fromiter((number for sentence in sentences for number in sentence), dtype=np.int64)
        if flat.min() < 0 or flat.max() >= vocab_size:
            raise StoreError(f"expected ids in [0, {vocab_size:,}), got {flat.min():,} to {flat.max():,}")
        if word_starts is not None and len(word_starts) != len(flat):
            raise StoreError(f"word_starts: expected {len(flat):,} flags, got {len(word_starts):,}")
        segment = Segment(
            flat.astype(id_type(vocab_size)),
            cumulated(map(len, sentences)),
            cumulated(map(len, documents)),
            None if word_starts is None else packed(np.asarray(word_starts, np.bool_)),
        )
        return cls(TokenAxis.whole([segment]), vocab_size, _digest_of(segment, vocab_size))

    @property
    def name(self) -> str:
        """Its path, for a message."""
        return shown_path(self.manifest.path) if self.manifest else "the store"

    # -- size ------------------------------------------------------------------------------------------------

    @property
    def num_documents(self) -> int:
        return len(self.document_offsets) - 1

    @property
    def num_sentences(self) -> int:
        return len(self.sentence_offsets) - 1

    @property
    def num_tokens(self) -> int:
        return int(self.sentence_offsets[-1])

    def __repr__(self) -> str:
        where = shown_path(self.manifest.path) if self.manifest else "memory"
        counts = (
            f"{self.num_documents:,} documents, {self.num_sentences:,} sentences, {self.num_tokens:,} tokens"
        )
        return f"TokenStore({where}: {counts})"

    # -- reading ---------------------------------------------------------------------------------------------

    def tokens(self, start: int, stop: int) -> Ids:
        """Ids of the flat range [start, stop), which lies within one document; a view, not a copy."""
        return self._axis.tokens(start, stop)

    def gather(self, starts: npt.ArrayLike, stops: npt.ArrayLike) -> Ids:
        """Ids of many ranges one after the other, each within one document: (sum of lengths,), a copy."""
        ranges = zip(np.asarray(starts).tolist(), np.asarray(stops).tolist(), strict=True)
        none = np.empty(0, dtype=id_type(self.vocab_size))
        return np.concatenate([none, *(self._axis.tokens(start, stop) for start, stop in ranges)])

    @property
    def has_words(self) -> bool:
        """Whether a segmenter found words, and the store says where they begin."""
        return self._axis.segments[0].word_starts is not None

    def word_starts(self, start: int, stop: int) -> npt.NDArray[np.bool_] | None:
        """Whether a word begins at each token of such a range: bool (stop - start,); None without words."""
        return self._axis.word_starts(start, stop)

    @property
    def shard_word_starts(self) -> list[Bits]:
        """The bits of each of :attr:`shard_tokens`, the lowest first, a token each; none without words."""
        return [s.word_starts for s in self._axis.segments if s.word_starts is not None]

    @property
    def shard_tokens(self) -> list[Ids]:
        """The ids of each piece of memory that the axis lies on; see :meth:`locate`."""
        return [segment.ids for segment in self._axis.segments]

    def locate(self, starts: Offsets) -> tuple[Offsets, Offsets]:
        """Where tokens of the flat axis lie: (number in :attr:`shard_tokens`, place in it), each (n,)."""
        return self._axis.locate(starts)

    def document(self, number: int) -> list[list[int]]:
        """The sentences of one document, as lists of ids."""
        first, last = self.document_offsets[number : number + 2]
        bounds = self.sentence_offsets[first : last + 1].tolist()
        return [self.tokens(a, b).tolist() for a, b in pairwise(bounds)]

    # -- selecting -------------------------------------------------------------------------------------------

    def split(self, held_out_share: float, seed: int) -> tuple[TokenStore, TokenStore]:
        """Training and held-out documents: two stores that share this one's memory.

        Each document draws a number keyed by ``seed``; those with the smallest are held out: about
        ``held_out_share`` of the documents, at least two of four or more, so that a next sentence can be
        drawn from another document. Order is kept.

        Raises:
            StoreError: a share outside (0, 0.5], or a single document.
        """
        if not 0 < held_out_share <= MAX_HELD_OUT:
            raise StoreError(
                f"held-out share: expected above 0 and at most {MAX_HELD_OUT}, got {held_out_share}"
            )
        count = self.num_documents
        if count < 2:
            raise StoreError("held-out share: expected at least two documents, got one")
        held = min(max(round(count * held_out_share), 2 if count >= 4 else 1), count - 1)
        drawn = generator(seed, "held-out documents").random(count)
        order = np.argsort(drawn, kind="stable")
        name = f"{held_out_share}/{seed}"
        return (
            self.select(np.sort(order[held:]), f"train/{name}"),
            self.select(np.sort(order[:held]), f"held-out/{name}"),
        )

    def select(self, documents: npt.NDArray[np.int64], name: str) -> TokenStore:
        """The store of these documents (ascending numbers), sharing memory; ``name`` goes into its digest."""
        digest = hashlib.sha256(f"{self.digest}/{name}/{len(documents)}".encode()).hexdigest()
        return TokenStore(self._axis.select(documents), self.vocab_size, digest, self.manifest)

    def cut(self, sentences: int) -> TokenStore:
        """The same text in documents of at most ``sentences`` sentences, sharing memory."""
        digest = hashlib.sha256(f"{self.digest}/cut/{sentences}".encode()).hexdigest()
        return TokenStore(self._axis.cut(sentences), self.vocab_size, digest, self.manifest)

    # -- vocabulary ------------------------------------------------------------------------------------------

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made this store, from the store's own folder.

        Raises:
            StoreError: the store lives in memory.
        """
        from bertwright.tokenization.tokenizer import Tokenizer

        if self.manifest is None:
            raise StoreError("a store in memory has no tokenizer")
        tokenizer = Tokenizer.load(self.manifest.path)
        self.require_vocabulary(tokenizer.vocabulary)
        return tokenizer

    def require_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Refuse ``vocabulary`` unless this store was made with it.

        Raises:
            StoreError: another size, or another digest.
        """
        where = shown_path(self.manifest.path) if self.manifest else "store in memory"
        if len(vocabulary) != self.vocab_size:
            raise StoreError(
                f"{where}: made with {self.vocab_size:,} tokens, got a vocabulary of {len(vocabulary):,}"
            )
        made_with = self.manifest.fields.get("vocabulary_digest") if self.manifest else vocabulary.digest
        if made_with != vocabulary.digest:
            raise StoreError(
                f"{where}: made with another vocabulary: expected digest {str(made_with)[:12]}…, "
                f"got {vocabulary.digest[:12]}… (prepare the corpus again with this vocabulary)"
            )


def _digest_of(segment: Segment, vocab_size: int) -> str:
    digest = hashlib.sha256(str(vocab_size).encode())
    for part in (segment.ids, segment.sentence_offsets, segment.document_offsets, segment.word_starts):
        if part is not None:
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _names(shards: Any, manifest: durable.Manifest) -> bool:
    """Whether ``shards`` names files of the manifest; a name that is not among them could lead anywhere."""
    if not isinstance(shards, list) or not shards or not all(isinstance(name, str) for name in shards):
        return False
    for name in shards:
        if name not in manifest.files:
            raise DigestError.at(manifest.path, "shards that the manifest lists", name)
    return True
