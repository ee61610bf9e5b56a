"""Ordered map over threads, for work that releases Python's lock, and the threads of PyTorch inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_threads(function: Callable[[Item], Result], items: Sequence[Item], threads: int) -> Iterator[Result]:
    """``map(function, items)`` over ``threads`` threads, results in the order of ``items``.

    The first error ends it: what has not begun is not begun. With one thread, or one item, all happens in
    this one, which may then compute with all of torch's threads; otherwise each computes with one.
    """
    if threads <= 1 or len(items) <= 1:
        yield from map(function, items)
        return
    size = min(threads, len(items))
    with threads_as_before(), ThreadPoolExecutor(size, initializer=_compute_alone) as pool:
        yield from pool.map(function, items)


def worthwhile_threads(count: int, least: int) -> int:
    """How many of torch's threads, 1 or more, have at least ``least`` of ``count`` things to do."""
    import torch

    return max(1, min(torch.get_num_threads(), count // least))


@contextmanager
def threads_as_before() -> Iterator[None]:
    """Whatever number of threads the block sets, torch has its own again behind it."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def computing_with(threads: int) -> Iterator[None]:
    """Torch computes with so many threads. One is best for many small pieces, where helpers cost more than
    they do."""
    import torch

    with threads_as_before():
        torch.set_num_threads(threads)
        yield


def _compute_alone() -> None:
    import torch

    torch.set_num_threads(1)
