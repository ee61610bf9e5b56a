"""Rows of text as rows for the model: ``[CLS] A [SEP]`` or ``[CLS] A [SEP] B [SEP]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bertwright.tasks.batches import Features
from bertwright.tokenization.encoding import assemble
from bertwright.tokenization.tokenizer import Tokenizer

TextRow = str | tuple[str, str | None]
"""A text, or a text and its second text."""


def encode_rows(
    rows: Sequence[TextRow],
    tokenizer: Tokenizer,
    max_length: int,
    targets: Sequence[Any] | None = None,
) -> list[Features]:
    """One row for the model of each row of text, at most ``max_length`` ids long (longest text cut first).

    Source: ``convert_single_example`` in the original's ``run_classifier.py``.
    """
    pairs = [(row, None) if isinstance(row, str) else row for row in rows]
    paired = [index for index, (_, second) in enumerate(pairs) if second]
    first = tokenizer.encode_ids([text for text, _ in pairs])
    second = dict(zip(paired, tokenizer.encode_ids([pairs[index][1] or "" for index in paired]), strict=True))
    features = []
    for index, ids in enumerate(first):
        b_ids = second[index].tolist() if index in second else None
        row = assemble(ids.tolist(), b_ids, vocabulary=tokenizer.vocabulary, max_length=max_length)
        features.append(Features.of(row, index, None if targets is None else targets[index]))
    return features
