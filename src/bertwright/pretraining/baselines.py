"""What a model must beat: guesses that need no network, on the same held-out masks.

* *most frequent*: always the most frequent token of the training text;
* *bigram*: the token that most often follows the left neighbour, by counts of pairs in the training text;
* *neighbours*: the token that best fits both neighbours, as if the two were independent.

Where next tokens are predicted there is no right neighbour, and so no third guess; nor is [SEP] to be
guessed, which the pairs of a text do not tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.data.store import TokenStore
from bertwright.tokenization.vocabulary import Vocabulary

MAX_TOKENS = 20_000_000
"""Training tokens that are counted: enough for stable figures, seconds of work."""

PRIOR = 2.0
"""Weight of the unigram distribution inside each conditional one, in counts."""

_ROWS = 512  # masked positions scored at once

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Baseline:
    """A guess's figures on held-out text."""

    accuracy: float
    """Share of masked tokens guessed exactly."""
    loss: float
    """Mean negative log-probability of the true token, in nats."""


@dataclass(frozen=True)
class PairCounts:
    """How often tokens follow one another, in compressed rows of both directions."""

    unigrams: Floats
    """(V,): probability of each token, one added to every count."""
    after: tuple[Ints, Ints, Floats]
    """Row starts (V + 1,), columns and counts of (left, token)."""
    before: tuple[Ints, Ints, Floats]
    """The same of (right, token)."""


def count_pairs(store: TokenStore) -> PairCounts:
    """Count tokens and neighbours within documents, over the first 20 million tokens of ``store``."""
    bounds = store.sentence_offsets[store.document_offsets]
    documents = max(1, int(np.searchsorted(bounds, MAX_TOKENS, side="right")) - 1)
    bounds = bounds[: documents + 1]
    tokens = store.gather(bounds[:-1], bounds[1:]).astype(np.int64)
    counts = np.bincount(tokens, minlength=store.vocab_size).astype(np.float64)
    inside = np.ones(max(len(tokens) - 1, 0), np.bool_)
    inside[bounds[1:-1] - bounds[0] - 1] = False  # the last token of one document, the first of the next
    left, right = tokens[:-1][inside], tokens[1:][inside]
    unigrams = (counts + 1) / (counts.sum() + store.vocab_size)
    return PairCounts(unigrams, _rows(left, right, store.vocab_size), _rows(right, left, store.vocab_size))


def baselines(
    store: TokenStore,
    batches: Sequence[PretrainingBatch],
    vocabulary: Vocabulary,
    *,
    next_token: bool = False,
) -> dict[str, Baseline]:
    """``most_frequent``, ``bigram`` and ``neighbours``, counted on ``store`` and measured on ``batches``.

    Args:
        next_token: the batches are of next tokens; then without ``neighbours``.
    """
    pairs = count_pairs(store)
    special = np.zeros(store.vocab_size, np.bool_)
    special[list(vocabulary.special_ids)] = True
    left, right, labels = _contexts(batches, next_token)
    if next_token:
        words = ~special[labels]
        left, right, labels = left[words], right[words], labels[words]
    known = pairs.unigrams[labels]
    frequent = Baseline(
        accuracy=float(np.mean(labels == pairs.unigrams.argmax())), loss=float(-np.log(known).mean())
    )
    after, before = (left, pairs.after), (right, pairs.before)
    found = {"most_frequent": frequent, "bigram": _guess([after], labels, pairs.unigrams, special)}
    if not next_token:
        found["neighbours"] = _guess([after, before], labels, pairs.unigrams, special)
    return found


def _guess(
    sides: Sequence[tuple[Ints, tuple[Ints, Ints, Floats]]],
    labels: Ints,
    unigrams: Floats,
    special: npt.NDArray[np.bool_],
) -> Baseline:
    """The guess from some neighbours: for each, its ids and the counts of what stands beside them."""
    hits, total = 0, 0.0
    for begin in range(0, len(labels), _ROWS):
        part = slice(begin, begin + _ROWS)
        scores = np.tile(unigrams, (len(labels[part]), 1))
        for neighbours, table in sides:
            _condition(scores, neighbours[part], table, unigrams, special)
        scores /= scores.sum(1, keepdims=True)
        truth = labels[part]
        hits += int((scores.argmax(1) == truth).sum())
        total -= float(np.log(scores[np.arange(len(truth)), truth]).sum())
    count = max(len(labels), 1)
    return Baseline(hits / count, total / count)


def _contexts(batches: Sequence[PretrainingBatch], next_token: bool) -> tuple[Ints, Ints, Ints]:
    """Left and right neighbours (as the model sees them) and true ids of all tokens to be predicted."""
    lefts, rights, labels = [], [], []
    for batch in batches:
        flat = batch.input_ids.ravel()
        places = batch.masked_positions + next_token
        lefts.append(flat[places - 1])  # position 0 of a row is [CLS]: never masked
        rights.append(flat[np.minimum(places + 1, len(flat) - 1)])
        labels.append(batch.masked_labels)
    return np.concatenate(lefts), np.concatenate(rights), np.concatenate(labels)


def _condition(
    scores: Floats,
    neighbours: Ints,
    table: tuple[Ints, Ints, Floats],
    unigrams: Floats,
    special: npt.NDArray[np.bool_],
) -> None:
    """Multiply row i of ``scores`` by P(token | neighbour) / P(token), the two sides taken as independent.

    P(t | n) = (count(n, t) + PRIOR P(t)) / (count(n) + PRIOR); special neighbours ([MASK], [CLS], [SEP]) tell
    nothing.
    """
    starts, columns, counts = table
    for row, neighbour in enumerate(neighbours):
        if special[neighbour]:
            continue
        seen = slice(starts[neighbour], starts[neighbour + 1])
        following = columns[seen]
        # The denominator is the same for every token of the row: it cancels when rows are normalized.
        kept = scores[row, following] * (counts[seen] / unigrams[following] + PRIOR)
        scores[row] *= PRIOR
        scores[row, following] = kept


def _rows(first: Ints, second: Ints, size: int) -> tuple[Ints, Ints, Floats]:
    """Counts of the pairs (first, second) as rows of ``first``."""
    pairs, counts = np.unique(first * size + second, return_counts=True)
    starts = np.searchsorted(pairs, np.arange(size + 1) * size)
    return starts.astype(np.int64), pairs % size, counts.astype(np.float64)
