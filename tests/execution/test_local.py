"""The ordered map: same order for any worker count, and a dead worker is an error."""

from __future__ import annotations

import errno
import multiprocessing.context
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_work import die, refuse, slow_first, square

from bertwright.errors import CorpusError, SettingsError, WorkerError
from bertwright.execution.engine import Need
from bertwright.execution.local import Local, map_as_done, map_ordered


def crash(number: int) -> int:
    return 1 // (number - 2)


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_order(workers: int) -> None:
    assert list(map_ordered(square, range(20), workers=workers)) == [n * n for n in range(20)]


def test_our_errors_come_through_whole() -> None:
    with pytest.raises(CorpusError, match="file:3: bad"):
        list(map_ordered(refuse, range(9), workers=2))
    with pytest.raises(SettingsError) as caught:
        list(map_ordered(refuse, [30], workers=2))
    assert caught.value.problems == ["one", "two"]


def test_other_errors_say_where() -> None:
    with pytest.raises(WorkerError, match=r"ZeroDivisionError.*test_local\.py"):
        list(map_ordered(crash, range(9), workers=2))


def test_a_killed_worker_is_named_with_its_item() -> None:
    start = time.monotonic()
    with pytest.raises(WorkerError, match="SIGKILL while working on piece 4"):
        list(map_ordered(die, range(9), workers=2, describe=lambda n: f"piece {n}"))
    assert time.monotonic() - start < 30


def test_items_are_drawn_only_a_little_ahead() -> None:
    drawn = []

    def items() -> object:
        for number in range(100):
            drawn.append(number)
            yield number

    results = map_ordered(square, items(), workers=2)  # type: ignore[arg-type]
    assert next(results) == 0
    assert len(drawn) <= 5
    results.close()  # type: ignore[attr-defined]


def test_a_worker_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_process: object) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(multiprocessing.context.SpawnProcess, "start", refused)
    with pytest.raises(WorkerError, match="worker 0 cannot be started: Resource temporarily unavailable"):
        list(map_ordered(square, range(9), workers=2))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_as_they_are_done(workers: int) -> None:
    found = list(map_as_done(square, range(20), workers=workers))
    assert sorted(found) == [(n, n * n) for n in range(20)]


def test_nobody_waits_for_a_slow_one() -> None:
    found = list(map_as_done(slow_first, range(12), workers=2))
    assert found[-1] == (0, 0) and len(found) == 12


@pytest.mark.parametrize(
    ("number", "to_all"),
    [
        (signal.SIGTERM, True),
        pytest.param(signal.SIGINT, True, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, False, marks=pytest.mark.slow),
    ],
)
def test_workers_may_save_what_they_have(number: signal.Signals, to_all: bool, tmp_path: Path) -> None:
    """Two seconds of it, also where the signal that stops the process above them reaches them too."""
    process = at_work(tmp_path)
    (os.killpg if to_all else os.kill)(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert len(list(tmp_path.glob("*.saved"))) == 2
    assert err.count("Traceback") == (number == signal.SIGINT)  # of the process itself, and of no worker


def test_workers_leave_where_the_process_above_them_is_killed(tmp_path: Path) -> None:
    """In the middle of an item, and with what they have saved."""
    process = at_work(tmp_path)
    process.kill()
    _, err = process.communicate(timeout=60)  # the workers hold the other end of stderr until they end
    assert len(list(tmp_path.glob("*.saved"))) == 2
    assert "Traceback" not in err


def at_work(tmp_path: Path) -> subprocess.Popen[str]:
    """A process whose two workers have begun what lasts until they are told to stop."""
    script = tmp_path / "script.py"
    script.write_text(
        "import signal, sys\n"
        "from small_work import until_told\n"
        "from bertwright.execution.local import map_as_done\n"
        'if __name__ == "__main__":\n'
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        f"    list(map_as_done(until_told, [{str(tmp_path)!r}] * 2, workers=2))\n"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while len(list(tmp_path.glob("*.begun"))) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("workers", [0, 2])
def test_the_engine_of_this_machine(workers: int) -> None:
    results = Local(workers).map(square, range(9), need=Need(threads=2))
    assert list(results) == [n * n for n in range(9)]
