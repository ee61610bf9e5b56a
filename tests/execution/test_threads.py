"""Ordered map over threads, and how many are worth while."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bertwright.execution.threads import computing_with, map_threads, worthwhile_threads


@given(items=st.lists(st.integers(), max_size=30), threads=st.integers(0, 4))
@settings(deadline=None, max_examples=30)
def test_as_map(items: list[int], threads: int) -> None:
    assert list(map_threads(lambda item: item * 2, items, threads)) == [item * 2 for item in items]


def test_several_at_once_and_one_alone() -> None:
    both = threading.Barrier(2)

    def meet(_item: int) -> int:
        both.wait(timeout=20)  # two must be here at the same time
        return threading.get_ident()

    assert len(set(map_threads(meet, [1, 2], 2))) == 2
    assert set(map_threads(lambda _: threading.get_ident(), [1, 2, 3], 1)) == {threading.get_ident()}


def test_each_thread_computes_alone_and_then_all_is_as_before() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert set(map_threads(lambda _: torch.get_num_threads(), [1, 2, 3], 2)) == {1}
        assert list(map_threads(lambda _: torch.get_num_threads(), [1], 2)) == [3]
        assert torch.get_num_threads() == 3
        later: list[int] = []
        other = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        other.start()
        other.join()
        assert later == [3]
    finally:
        torch.set_num_threads(before)


def test_the_first_error_ends_it() -> None:
    done = []

    def work(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        time.sleep(0.01)
        done.append(item)
        return item

    with pytest.raises(ValueError, match="two"):
        list(map_threads(work, range(200), 2))
    assert len(done) < 150


@pytest.mark.parametrize(("count", "least", "threads"), [(0, 1, 1), (9, 3, 3), (8, 3, 2), (99, 3, 4)])
def test_threads_that_have_enough_to_do(count: int, least: int, threads: int) -> None:
    with computing_with(4):
        assert worthwhile_threads(count, least) == threads
