"""The plan of an epoch: where on the token axis the segments of each of its instances stand."""

from __future__ import annotations

from bisect import bisect_right
from threading import RLock

import numpy as np

from bertwright import randomness
from bertwright.data.philox import stream_key
from bertwright.data.sentence_pairs import PairArrays, PairRule, fill_pairs
from bertwright.data.store import TokenStore

_KEPT = 2  # a batch may touch the end of one epoch and the beginning of the next


class EpochPlans:
    """The epochs of a phase one after the other, as one endless row of instances.

    How many instances an epoch has is known only after a pass over its sentence lengths, since random next
    sentences give text back. An epoch that is only passed over is counted (about 20 million sentences a
    second); of one that is read the count falls out of its plan. Counts are kept; plans are made again when
    they are needed again. Threads may share an object.
    """

    def __init__(self, store: TokenStore, rule: PairRule, seed: int, phase: int) -> None:
        self._store, self._rule, self._seed, self._phase = store, rule, seed, phase
        self._starts = [0]  # the place in the row where each counted epoch begins, and the end of the last
        self._plans: dict[int, PairArrays] = {}
        self._lock = RLock()

    def start(self, epoch: int) -> int:
        """The place in the row where ``epoch`` begins."""
        with self._lock:
            while len(self._starts) <= epoch:
                counted = len(self._starts) - 1
                self._learn(counted, self._fill(counted, PairArrays.empty(0, self._store.num_tokens)))
            return self._starts[epoch]

    def count(self, epoch: int) -> int:
        """How many instances ``epoch`` has."""
        return self.start(epoch + 1) - self.start(epoch)

    def locate(self, place: int) -> tuple[int, int]:
        """The epoch at a place of the row, and the place in this epoch."""
        with self._lock:
            while self._starts[-1] <= place:
                if place < self._next_end():
                    self.plan(len(self._starts) - 1)
                else:
                    self.start(len(self._starts))
            epoch = bisect_right(self._starts, place) - 1
            return epoch, place - self._starts[epoch]

    def plan(self, epoch: int) -> PairArrays:
        """The instances of ``epoch``, shuffled over the whole of it.

        17 bytes an instance, 25 from 2**32 tokens on; the last two plans are kept.
        """
        with self._lock:
            if epoch not in self._plans:
                self.start(epoch)
                # An instance takes a sentence or more. Memory that nothing is written to is not taken.
                room = PairArrays.empty(self._store.num_sentences, self._store.num_tokens)
                count = self._fill(epoch, room)
                self._learn(epoch, count)
                order = randomness.generator(self._seed, "instance order", self._phase, epoch)
                shuffled = order.permutation(count)
                self._plans = dict(list(self._plans.items())[1 - _KEPT :])
                self._plans[epoch] = PairArrays._make(field[shuffled] for field in room)
            return self._plans[epoch]

    def _next_end(self) -> int:
        """Where the first epoch that was not counted will about end: epochs differ little in length.

        The very first is taken to have as many instances as its tokens fill, which are rather too few.
        """
        if len(self._starts) == 1:
            return self._store.num_tokens // self._rule.max_tokens
        *_, before, last = self._starts
        return 2 * last - before

    def _learn(self, epoch: int, count: int) -> None:
        """Keep the count of ``epoch``, if it is the next one to be counted."""
        if epoch == len(self._starts) - 1:
            self._starts.append(self._starts[epoch] + count)

    def _fill(self, epoch: int, pairs: PairArrays) -> int:
        key = np.uint64(stream_key(self._seed, "sentence pairs", self._phase, epoch))
        offsets = self._store.document_offsets, self._store.sentence_offsets
        return int(fill_pairs(*offsets, key, self._rule, pairs))
