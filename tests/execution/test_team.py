"""Kernels shared out over PyTorch's threads; one thread does all where those cannot be had."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from types import FrameType
from typing import Any

import numba
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bertwright.execution import team as module
from bertwright.execution.team import in_team, span
from bertwright.execution.threads import computing_with, map_threads

Team = Callable[[tuple[Any, ...], int], None]
"""Arguments of a kernel, number of parts."""

OPENMP = pytest.mark.skipif(not module.runs_on_openmp(), reason="PyTorch does not run on OpenMP here")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for a thread's number")
PYTORCHS = "PyTorch's threads"
if sys.platform == "linux":
    _native_id = ctypes.CDLL(None).gettid
    _native_id.argtypes = ()


def _count(done, share):  # type: ignore[no-untyped-def]
    part, parts = share
    for place in range(part, len(done), parts):
        done[place] += 1


def _take_long(threads, numbers, share):  # type: ignore[no-untyped-def]
    threads[share[0]] = _native_id()
    for _ in range(200):
        numbers[share[0]] = np.sin(numbers[share[0]])


def _want_much(sizes, share):  # type: ignore[no-untyped-def]
    np.empty(sizes[share[0]], np.uint8)[0] = 1


Maker = Callable[[Callable[..., None]], Team]
"""Makes the driver of a kernel."""


@pytest.fixture(params=[pytest.param(PYTORCHS, marks=OPENMP), "one thread"])
def together(request: pytest.FixtureRequest) -> Iterator[Maker]:
    """Both ways."""

    def make(function: Callable[..., None]) -> Team:
        kernel = numba.njit(nogil=True)(function)

        def run(arguments, parts):  # type: ignore[no-untyped-def]
            in_team(kernel, arguments, parts)

        driver: Team = numba.njit(nogil=True)(run)
        return driver

    openmp = request.param == PYTORCHS
    module.begin_with(module.start_of_openmp() if openmp else module.start_alone())
    yield make
    module.begin_with(module.start_of_openmp() if module.runs_on_openmp() else module.start_alone())


def test_pytorchs_threads_are_used_on_linux() -> None:
    parallel = "ATen parallel backend: OpenMP" in torch.__config__.parallel_info()
    assert module.runs_on_openmp() == (parallel and sys.platform == "linux")


def test_each_part_is_done_once(together: Maker) -> None:
    run = together(_count)
    for threads in (1, 2, 5):
        for parts in (1, 2, 3, 17):
            done = np.zeros(1000, np.int64)
            with computing_with(threads):
                run((done,), parts)
            assert (done == 1).all()


@LINUX
def test_parts_are_done_at_one_time(together: Maker, request: pytest.FixtureRequest) -> None:
    run, threads = together(_take_long), np.zeros(2, np.int32)
    with computing_with(2):
        for _ in range(20):
            run((threads, np.ones((2, 5000))), 2)
            if threads[0] != threads[1]:
                break
    assert 0 not in threads
    assert (threads[0] != threads[1]) == (PYTORCHS in request.node.name)


@LINUX
def test_one_part_is_done_here(together: Maker) -> None:
    run, threads = together(_take_long), np.zeros(1, np.int32)
    run((threads, np.ones((1, 10))), 1)
    assert threads.tolist() == [_native_id()]


def test_teams_of_several_threads_do_not_mix(together: Maker) -> None:
    run = together(_count)

    def work(_item: int) -> set[int]:
        torch.set_num_threads(2)
        done = np.zeros(100, np.int64)
        for _ in range(50):
            run((done,), 3)
        return set(done.tolist())

    assert list(map_threads(work, [1, 2, 3], 3)) == [{50}] * 3


def test_a_part_without_memory_is_an_error(together: Maker) -> None:
    run = together(_want_much)
    with computing_with(2):
        run((np.array([1, 10]),), 2)
        for place in (0, 1):
            sizes = np.array([1, 1])
            sizes[place] = 1 << 60
            with pytest.raises(MemoryError, match="a part of a kernel's work"):
                run((sizes,), 2)


@given(count=st.integers(0, 500), parts=st.integers(1, 9), multiple=st.integers(1, 90))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_spans_are_all_there_is_once(count: int, parts: int, multiple: int) -> None:
    spans = [span(count, multiple, (part, parts)) for part in range(parts)]
    assert list(chain.from_iterable(range(*found) for found in spans)) == list(range(count))
    assert all(begin % multiple == 0 or begin == count for begin, _ in spans)
    assert max(end - begin for begin, end in spans) <= (count // multiple // parts + 1) * multiple


@OPENMP
def test_pytorchs_threads_stay_where_there_are_fewer_parts(together: Maker) -> None:
    """OpenMP ends those for which a team has no room, and PyTorch's next operator would begin new ones."""
    run, numbers, done = together(_count), torch.ones(1 << 20), np.zeros(9, np.int64)
    run((done,), 4)
    with computing_with(4):
        numbers.exp_()
        run((done,), 2)
        before = set(os.listdir("/proc/self/task"))
        for _ in range(5):
            run((done,), 2)
            numbers.exp_()
        assert set(os.listdir("/proc/self/task")) == before


def test_no_signal_is_lost(together: Maker) -> None:
    """What a handler raises ends what Python does, whenever it comes; until then every part is done."""

    class Rung(Exception):
        pass

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise Rung

    run, caught, done = together(_count), 0, np.zeros(200, np.int64)
    run((done,), 4)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        with computing_with(2):
            for number in range(300):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 1e-4 + number * 1e-6)
                    for _ in range(200_000):
                        run((done,), 4)
                except Rung:
                    caught += 1
    finally:
        signal.signal(signal.SIGALRM, before)
    assert caught == 300
    assert len(set(done.tolist())) == 1
