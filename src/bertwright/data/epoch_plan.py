"""The plan of an epoch: where on the token axis the segments of each of its instances stand."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from bertwright import randomness
from bertwright.data.philox import stream_key
from bertwright.data.sentence_pairs import PairArrays, PairRule, fill_pairs


class TokenSource(Protocol):
    """What instances need of a token store."""

    @property
    def num_tokens(self) -> int: ...
    @property
    def document_offsets(self) -> npt.NDArray[np.int64]: ...
    @property
    def sentence_offsets(self) -> npt.NDArray[np.int64]: ...


def count_instances(source: TokenSource, rule: PairRule, seed: int, phase: int, epoch: int) -> int:
    """How many instances the epoch has; the next epoch has about, but not exactly, as many."""
    return _fill(source, rule, seed, phase, epoch, PairArrays.empty(0, source.num_tokens))


def plan_epoch(
    source: TokenSource, rule: PairRule, seed: int, phase: int, epoch: int, count: int
) -> PairArrays:
    """The ``count`` instances (see :func:`count_instances`) of an epoch, shuffled over the whole of it.

    17 bytes an instance, 25 from 2**32 tokens on.
    """
    pairs = PairArrays.empty(count, source.num_tokens)
    _fill(source, rule, seed, phase, epoch, pairs)
    order = randomness.generator(seed, "instance order", phase, epoch).permutation(count)
    return PairArrays._make(field[order] for field in pairs)


def _fill(source: TokenSource, rule: PairRule, seed: int, phase: int, epoch: int, pairs: PairArrays) -> int:
    key = np.uint64(stream_key(seed, "sentence pairs", phase, epoch))
    return int(fill_pairs(source.document_offsets, source.sentence_offsets, key, rule, pairs))
