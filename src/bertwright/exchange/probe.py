"""What source and result of a conversion are asked: random ids, and real text as their tokenizers read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bertwright.model.config import BertConfig
from bertwright.randomness import generator
from bertwright.tokenization.encoding import assemble
from bertwright.tokenization.padding import pad
from bertwright.tokenization.tokenizer import Tokenizer

LENGTH = 64
"""Tokens a row at most."""
_ROWS = 4
TEXTS = (
    ("The quick brown fox can't jump over 13 lazy dogs.", "Why not? It was tired, they said."),
    ("Café Müller in São Paulo opened on 3 May 1984.", "ΑΘΗΝΑ, Москва and İstanbul followed."),
    ("北京是中国的首都。", "東京は日本の首都です。"),
    ("def area(r): return 3.14159 * r ** 2  # m²", "e-mail: someone@example.org\u200b\ufffd [MASK] naïve ﬁn"),
    ("Rindfleisch" * 14, "of 154 letters, which some tokenizers give up and others do not."),
)
"""Real text: casing, accents, Chinese, punctuation, what cleaning takes away, long words; asked as pairs."""


@dataclass(frozen=True)
class Inputs:
    """Rows of ids, B rows of S positions, padded at the end."""

    input_ids: Tensor
    """(B, S) int64."""
    token_type_ids: Tensor
    """(B, S) int64."""
    attention_mask: Tensor
    """(B, S) int64: 1 for tokens, 0 for padding."""

    @property
    def tokens(self) -> Tensor:
        """(B, S) bool: where tokens are."""
        return self.attention_mask.bool()


def inputs(tokenizer: Tokenizer, config: BertConfig, seed: int = 0) -> Inputs:
    """The questions for a model: rows of random ids drawn from ``seed``, then :data:`TEXTS`.

    Equal tokenizers give equal questions, so that a tokenizer that was converted is compared as well.
    """
    length = min(LENGTH, config.max_position_embeddings)
    rows = [*_random_rows(config, length, seed), *_text_rows(tokenizer, length)]
    parts = (
        pad([ids for ids, _ in rows], config.pad_token_id),
        pad([np.minimum(segments, config.type_vocab_size - 1) for _, segments in rows], 0),
        pad([[1] * len(ids) for ids, _ in rows], 0),
    )
    return Inputs(*map(torch.from_numpy, parts))


def _random_rows(config: BertConfig, length: int, seed: int) -> list[tuple[list[int], list[int]]]:
    """Rows of every kind of length, the first as long as can be; all segments that there are."""
    random = generator(seed, "ids that a conversion is tried on")
    rows = []
    for size in (length, *random.integers(1, length + 1, _ROWS - 1).tolist()):
        ids = random.integers(0, config.vocab_size, size).tolist()
        rows.append((ids, sorted(random.integers(0, config.type_vocab_size, size).tolist())))
    return rows


def _text_rows(tokenizer: Tokenizer, length: int) -> list[tuple[list[int], list[int]]]:
    if length < 3:  # no room for [CLS] and [SEP]
        return []
    rows = []
    for a, b in TEXTS:
        pair = (tokenizer.encode(a).ids, tokenizer.encode(b).ids)
        row = assemble(*pair, vocabulary=tokenizer.vocabulary, max_length=length)
        rows.append((row.input_ids, row.token_type_ids))
    return rows
