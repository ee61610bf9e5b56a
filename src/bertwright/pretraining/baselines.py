"""What a model must beat: guesses that need no network, on the same held-out masks.

* *most frequent*: always the most frequent token of the training text;
* *bigram*: the token that most often follows the left neighbour, by counts of pairs in the training text;
* *neighbours*: the token that best fits both neighbours, as if the two were independent.

Where next tokens are predicted there is no right neighbour, and so no third guess; the [SEP] that ends a
row, of which the pairs of a text tell nothing, is expected as often as rows end, whatever stands before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bertwright.data.pretraining_batch import PretrainingBatch
from bertwright.data.store import TokenStore
from bertwright.tokenization.vocabulary import Vocabulary

MAX_TOKENS = 20_000_000
"""Training tokens that are counted: enough for stable figures, seconds of work."""

PRIOR = 2.0
"""Weight of the unigram distribution inside each conditional one, in counts."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Baseline:
    """A guess's figures on held-out text."""

    accuracy: float
    """Share of masked tokens guessed exactly."""
    loss: float
    """Mean negative log-probability of the true token, in nats."""


class Beside(NamedTuple):
    """How often tokens stand on one side of each neighbour, in compressed rows."""

    starts: Ints
    """(V + 2,): where the row of each neighbour begins. Row V is empty: of those that tell nothing."""
    tokens: Ints
    """(N,): ascending within a row."""
    counts: Floats
    """(N,)"""


@dataclass(frozen=True)
class PairCounts:
    """How often tokens follow one another, in both directions."""

    unigrams: Floats
    """(V,): probability of each token, one added to every count."""
    after: Beside
    """What follows a token."""
    before: Beside
    """What a token follows."""


class Guess(NamedTuple):
    """What one of them says of P places."""

    tokens: Ints
    """(P,): the likeliest token."""
    likeliest: Floats
    """(P,): its probability."""
    truth: Floats
    """(P,): that of the true token."""


class Side(NamedTuple):
    """What the neighbours on one side say of P places, before it is divided by its sum:
    count(n, t) + PRIOR P(t)."""

    tokens: Ints
    """(P,): where it is greatest."""
    greatest: Floats
    """(P,)"""
    seen: Floats
    """(P,): count(n, true token)."""
    total: Floats
    """(P,): count(n)."""

    def guess(self, known: Floats) -> Guess:
        """The guess from this side alone; ``known`` (P,) is P(true token)."""
        sums = self.total + PRIOR
        return Guess(self.tokens, self.greatest / sums, (self.seen + PRIOR * known) / sums)


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
    left, right, labels = _contexts(batches, next_token)
    special = np.zeros(store.vocab_size, np.bool_)
    special[list(vocabulary.special_ids)] = True  # as neighbours [MASK], [CLS] and [SEP] tell nothing
    left, right = (np.where(special[side], store.vocab_size, side) for side in (left, right))
    known = pairs.unigrams[labels]
    best = np.full_like(labels, pairs.unigrams.argmax())
    after = _side(pairs.after, left, labels, pairs.unigrams)
    found = {
        "most_frequent": Guess(best, pairs.unigrams[best], known),
        "bigram": after.guess(known),
    }
    if not next_token:
        before = _side(pairs.before, right, labels, pairs.unigrams)
        found["neighbours"] = _both(pairs, (left, right), (after, before), known)
        return {name: _measured(guess, labels) for name, guess in found.items()}
    return {
        name: _measured(_ending(guess, labels, vocabulary.sep_id), labels) for name, guess in found.items()
    }


def _measured(guess: Guess, labels: Ints) -> Baseline:
    return Baseline(float(np.mean(guess.tokens == labels)), float(-np.log(guess.truth).mean()))


def _ending(guess: Guess, labels: Ints, sep_id: int) -> Guess:
    """The guess where rows end, too: as often as they do, and otherwise as the text goes on."""
    ends = labels == sep_id
    share = float(ends.mean())
    on = (1 - share) * guess.likeliest
    return Guess(
        tokens=np.where(share > on, sep_id, guess.tokens),
        likeliest=np.maximum(share, on),
        truth=np.where(ends, share, (1 - share) * guess.truth),
    )


def _side(table: Beside, neighbours: Ints, labels: Ints, unigrams: Floats) -> Side:
    """What ``neighbours`` say of the places beside them.

    Never a row of all V tokens: what was not seen beside a neighbour goes by its frequency, so that the most
    frequent token of all stands for it.
    """
    sizes = np.diff(table.starts)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    frequent = int(unigrams.argmax())
    tokens = np.full(len(sizes), frequent)
    greatest = np.full(len(sizes), PRIOR * unigrams[frequent])
    scores = table.counts + PRIOR * unigrams[table.tokens]
    np.maximum.at(greatest, owners, scores)
    (at_best,) = np.nonzero(scores == greatest[owners])
    at_best = at_best[::-1]  # of several the lowest id is written last
    lower = (greatest[owners[at_best]] > PRIOR * unigrams[frequent]) | (table.tokens[at_best] < frequent)
    tokens[owners[at_best[lower]]] = table.tokens[at_best[lower]]
    total = np.bincount(owners, table.counts, len(sizes)).astype(np.float64)
    keys = owners * len(unigrams) + table.tokens
    asked = neighbours * len(unigrams) + labels
    places = np.searchsorted(keys, asked)
    within = np.flatnonzero(places < len(keys))
    within = within[keys[places[within]] == asked[within]]
    seen = np.zeros(len(labels))
    seen[within] = table.counts[places[within]]
    return Side(tokens[neighbours], greatest[neighbours], seen, total[neighbours])


def _both(pairs: PairCounts, neighbours: tuple[Ints, Ints], sides: tuple[Side, Side], known: Floats) -> Guess:
    """The guess from both sides, as if they were independent: P(t) is proportional to
    (count(l, t) + PRIOR P(t)) (count(r, t) + PRIOR P(t)) / P(t).

    That is the product of both counts over P(t), for what was seen beside both neighbours, and otherwise
    PRIOR times the one side or the other.
    """
    left, right = sides
    sums = PRIOR * (left.total + right.total + PRIOR)
    tokens = np.where(left.greatest >= right.greatest, left.tokens, right.tokens)
    greatest = PRIOR * np.maximum(left.greatest, right.greatest)
    for place, (one, other) in enumerate(zip(*neighbours, strict=True)):
        shared, counts, others = _shared(pairs.after, one, pairs.before, other)
        if not len(shared):
            continue
        products = counts * others / pairs.unigrams[shared]
        sums[place] += products.sum()
        scores = products + PRIOR * (counts + others + PRIOR * pairs.unigrams[shared])
        best = scores.argmax()
        if scores[best] >= greatest[place]:
            tokens[place], greatest[place] = shared[best], scores[best]
    truth = (left.seen + PRIOR * known) * (right.seen + PRIOR * known) / known
    return Guess(tokens, greatest / sums, truth / sums)


def _shared(after: Beside, left: int, before: Beside, right: int) -> tuple[Ints, Floats, Floats]:
    """What stands beside both neighbours, and how often beside either."""
    one = slice(after.starts[left], after.starts[left + 1])
    other = slice(before.starts[right], before.starts[right + 1])
    tokens, others = after.tokens[one], before.tokens[other]
    if len(tokens) > len(others):  # the shorter row is looked for in the longer one
        shared, right_counts, left_counts = _shared(before, right, after, left)
        return shared, left_counts, right_counts
    if not len(tokens):
        return tokens, after.counts[one], after.counts[one]
    places = np.minimum(np.searchsorted(others, tokens), len(others) - 1)
    both = others[places] == tokens
    return tokens[both], after.counts[one][both], before.counts[other][places[both]]


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


def _rows(first: Ints, second: Ints, size: int) -> Beside:
    """Counts of the pairs (first, second) as rows of ``first``."""
    pairs, counts = np.unique(first * size + second, return_counts=True)
    starts = np.searchsorted(pairs, np.arange(size + 2) * size)
    return Beside(starts.astype(np.int64), pairs % size, counts.astype(np.float64))
