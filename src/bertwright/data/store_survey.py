"""One pass over all tokens of a store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bertwright.data.repetition import Digests
from bertwright.data.store import TokenStore
from bertwright.execution.compilation import compiled
from bertwright.tokenization.vocabulary import Vocabulary

Int64s = npt.NDArray[np.int64]

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_ONE = np.uint64(1)
_SAMPLE = 1 << 20  # tokens

MANY_CHARACTERS = 0.05
"""Share of Chinese characters among the tokens above which their words matter."""


@dataclass(frozen=True)
class StoreSurvey:
    """What one pass sees."""

    document_digests: Digests
    """(documents,): equal texts, equal digests."""
    sentence_digests: Digests
    """(sentences,)"""
    unknown: Int64s
    """(documents,): how many tokens are [UNK]."""
    uses: Int64s
    """(vocab_size,): how often each entry occurs."""

    @classmethod
    def of(cls, store: TokenStore, unk_id: int) -> StoreSurvey:
        """Read all tokens of ``store`` (about 300 million a second)."""
        survey = cls(
            np.empty(store.num_documents, np.uint64),
            np.empty(store.num_sentences, np.uint64),
            np.zeros(store.num_documents, np.int64),
            np.zeros(store.vocab_size, np.int64),
        )
        starts = store.sentence_offsets[store.document_offsets[:-1]]
        shard_of, places = store.locate(starts)
        for shard in np.unique(shard_of):
            documents = np.flatnonzero(shard_of == shard)
            survey_documents(
                store.shard_tokens[shard],
                documents,
                places[documents] - starts[documents],
                store.document_offsets,
                store.sentence_offsets,
                unk_id,
                survey.document_digests,
                survey.sentence_digests,
                survey.unknown,
                survey.uses,
            )
        return survey


def told_characters(share: float) -> str:
    """What is wrong where whole words are asked of text without blanks, and the store has no words."""
    return (
        f"{share:.0%} of the tokens are Chinese characters, and each is masked as a word of its own: "
        "the store has no words"
    )


def ideograph_share(store: TokenStore, vocabulary: Vocabulary) -> float:
    """Share of Chinese characters among the first million tokens of ``store``, which are seen in no time."""
    return float(vocabulary.ideographs[store.shard_tokens[0][:_SAMPLE]].mean())


def has_joined(store: TokenStore, vocabulary: Vocabulary) -> bool:
    """Whether a segmenter has joined any token to the one before it."""
    for tokens, bits in zip(store.shard_tokens, store.shard_word_starts, strict=False):  # none without words
        begins = np.unpackbits(bits, count=len(tokens), bitorder="little").view(np.bool_)
        if (vocabulary.starts_word[tokens] & ~begins).any():
            return True
    return False


@compiled
def survey_documents(
    tokens: npt.NDArray[np.integer],
    documents: Int64s,
    shifts: Int64s,
    document_offsets: Int64s,
    sentence_offsets: Int64s,
    unk_id: int,
    document_digests: Digests,
    sentence_digests: Digests,
    unknown: Int64s,
    uses: Int64s,
) -> None:
    """Fill the last four arrays for ``documents``; ``shifts`` lead from the flat axis into ``tokens``."""
    for number in range(len(documents)):
        document, shift = documents[number], shifts[number]
        whole = np.uint64(0)
        for sentence in range(document_offsets[document], document_offsets[document + 1]):
            digest = np.uint64(0)
            for place in range(sentence_offsets[sentence], sentence_offsets[sentence + 1]):
                token = tokens[place + shift]
                uses[token] += 1
                if token == unk_id:
                    unknown[document] += 1
                digest = (digest + np.uint64(token) + _ONE) * _MULTIPLIER
                digest ^= digest >> _SHIFT
            sentence_digests[sentence] = digest
            whole = (whole + digest) * _MULTIPLIER
            whole ^= whole >> _SHIFT
        document_digests[document] = whole
