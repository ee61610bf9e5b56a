"""The plan of an epoch: where on the token axis the segments of each of its instances stand."""

from __future__ import annotations

import numpy as np

from bertwright import randomness
from bertwright.data.philox import stream_key
from bertwright.data.sentence_pairs import PairArrays, PairRule, fill_pairs
from bertwright.data.store import TokenStore


def count_instances(store: TokenStore, rule: PairRule, seed: int, phase: int, epoch: int) -> int:
    """How many instances the epoch has; the next epoch has about, but not exactly, as many."""
    return _fill(store, rule, seed, phase, epoch, PairArrays.empty(0, store.num_tokens))


def plan_epoch(
    store: TokenStore, rule: PairRule, seed: int, phase: int, epoch: int, count: int
) -> PairArrays:
    """The ``count`` instances (see :func:`count_instances`) of an epoch, shuffled over the whole of it.

    17 bytes an instance, 25 from 2**32 tokens on.
    """
    pairs = PairArrays.empty(count, store.num_tokens)
    _fill(store, rule, seed, phase, epoch, pairs)
    order = randomness.generator(seed, "instance order", phase, epoch).permutation(count)
    return PairArrays._make(field[order] for field in pairs)


def _fill(store: TokenStore, rule: PairRule, seed: int, phase: int, epoch: int, pairs: PairArrays) -> int:
    key = np.uint64(stream_key(seed, "sentence pairs", phase, epoch))
    return int(fill_pairs(store.document_offsets, store.sentence_offsets, key, rule, pairs))
