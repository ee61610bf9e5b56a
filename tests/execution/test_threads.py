"""Ordered map over threads."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from itertools import chain
from types import FrameType

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bertwright.execution import team as team_module
from bertwright.execution.threads import computing_with, map_threads, over_spans


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


PYTORCHS = "PyTorch's threads"
OPENMP = pytest.mark.skipif(team_module._openmp() is None, reason="PyTorch does not run on OpenMP here")


@pytest.fixture(params=[pytest.param(PYTORCHS, marks=OPENMP), "threads of our own"])
def team(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways."""
    if request.param != PYTORCHS:
        monkeypatch.setattr(team_module, "_openmp", lambda: None)


def test_pytorchs_threads_are_used_on_linux() -> None:
    parallel = "ATen parallel backend: OpenMP" in torch.__config__.parallel_info()
    assert (team_module._openmp() is not None) == (parallel and sys.platform == "linux")


@pytest.mark.usefixtures("team")
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 4, 11])
@pytest.mark.parametrize("least", [1, 3, 12])
def test_spans_are_all_there_is_once(threads: int, count: int, least: int) -> None:
    done: list[list[int]] = []
    with computing_with(threads):
        over_spans(lambda begin, end: done.append(list(range(begin, end))), count, least)
    assert sorted(chain.from_iterable(done)) == list(range(count))
    assert len(done) <= threads
    assert len(done) == 1 or min(map(len, done)) >= least


@pytest.mark.usefixtures("team")
@given(count=st.integers(0, 500), threads=st.integers(1, 5), multiple=st.integers(1, 90))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_spans_begin_at_multiples(count: int, threads: int, multiple: int) -> None:
    done: list[tuple[int, int]] = []
    with computing_with(threads):
        over_spans(lambda begin, end: done.append((begin, end)), count, multiple=multiple)
    assert all(begin % multiple == 0 or begin == count for begin, _ in done)
    assert sorted(chain.from_iterable(range(*span) for span in done)) == list(range(count))


@pytest.mark.usefixtures("team")
def test_spans_are_done_at_one_time() -> None:
    both = threading.Barrier(2)
    with computing_with(2):
        over_spans(lambda begin, end: both.wait(timeout=20), 2)


@pytest.mark.usefixtures("team")
def test_spans_of_several_threads_do_not_mix() -> None:
    def work(item: int) -> list[int]:
        torch.set_num_threads(2)
        done: list[int] = []
        for _ in range(20):
            over_spans(lambda begin, end: done.extend(range(item + begin, item + end)), 7)
        return sorted(done)

    expected = [sorted(20 * list(range(item, item + 7))) for item in (100, 200, 300)]
    assert list(map_threads(work, [100, 200, 300], 3)) == expected


@pytest.mark.usefixtures("team")
def test_what_goes_wrong_in_a_span_is_raised() -> None:
    def fail(begin: int, _end: int) -> None:
        if begin:
            raise ValueError(f"at {begin}")

    with computing_with(2), pytest.raises(ValueError, match="at 2"):
        over_spans(fail, 4)


@OPENMP
def test_pytorchs_threads_stay_where_there_are_fewer_parts() -> None:
    """OpenMP ends those for which a team has no room, and PyTorch's next operator would begin new ones."""
    numbers = torch.ones(1 << 20)
    with computing_with(4):
        numbers.exp_()
        before = set(os.listdir("/proc/self/task"))
        for _ in range(5):
            over_spans(lambda begin, end: None, 2)
            numbers.exp_()
        assert set(os.listdir("/proc/self/task")) == before


@OPENMP
def test_within_a_team_one_thread_does_all() -> None:
    done: list[tuple[int, int]] = []

    def work(begin: int, _end: int) -> None:
        if begin == 0:
            over_spans(lambda begin, end: done.append((begin, end)), 4)

    with computing_with(2):
        over_spans(work, 2)
    assert sorted(done) == [(0, 2), (2, 4)]


@OPENMP
def test_no_signal_is_lost() -> None:
    """What a handler raises ends the work, whenever it comes; until then every part is done."""

    class Rung(Exception):
        pass

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise Rung

    def fill(begin: int, end: int) -> None:
        for place in range(begin, end):
            numbers[place] = 1

    caught, numbers = 0, [0] * 200
    before = signal.signal(signal.SIGALRM, ring)
    try:
        with computing_with(2):
            for number in range(300):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 1e-4 + number * 1e-6)
                    for _ in range(20_000):
                        numbers[:] = [0] * len(numbers)
                        over_spans(fill, len(numbers))
                        assert all(numbers)
                except Rung:
                    caught += 1
    finally:
        signal.signal(signal.SIGALRM, before)
    assert caught == 300
