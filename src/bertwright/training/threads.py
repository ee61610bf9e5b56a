"""How many threads to compute with, found by trying.

Small networks gain little from a second thread, and lose twenty-fold where another program wants the same
core: the threads of a matrix product wait for each other by spinning. A short trial of the real work tells.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from bertwright.execution.threads import threads_as_before

TRIALS = 3
MOST_SECONDS = 10.0
"""Work that takes longer than this in all is not tried further: large networks want all threads anyway."""


def fastest_threads(work: Callable[[], object], candidates: tuple[int, ...] | None = None) -> int:
    """The number of threads, among ``candidates``, with which ``work`` is fastest (median of three).

    The number that torch uses is as before when this returns.

    Args:
        work: a piece of the real work; called a few times, its result is dropped.
        candidates: all cores and one when None; of equals the first wins.
    """
    tried = candidates or tuple(dict.fromkeys((torch.get_num_threads(), 1)))
    if len(tried) == 1:
        return tried[0]
    times: dict[int, list[float]] = {threads: [] for threads in tried}
    begun = time.perf_counter()
    with threads_as_before():
        work()  # the first call pays for what is made once
        for _ in range(TRIALS):
            for threads in tried:
                torch.set_num_threads(threads)
                start = time.perf_counter()
                work()
                times[threads].append(time.perf_counter() - start)
            if time.perf_counter() - begun > MOST_SECONDS:
                break
    return min(tried, key=lambda threads: statistics.median(times[threads]))
