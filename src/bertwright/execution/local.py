"""Ordered map over local worker processes.

Results come in the order of the items whatever the number of workers, so that what is written from them is
the same to the byte. A worker that dies is an error that names its item, never a hang.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, cast

from bertwright.errors import WorkerError
from bertwright.execution.answers import answered
from bertwright.execution.engine import Item, Need, Result

_LOOK_AHEAD = 2  # items a worker may be ahead of the consumer: bounds the memory of waiting results
_LEAVING_SECONDS = 1  # for a worker that has nothing to do
_SAVING_SECONDS = 30  # for a worker that saves its state when it is asked to stop


_serving = False


def is_worker() -> bool:
    """Whether this process works for another one, which decides when it stops."""
    return _serving


def default_workers() -> int:
    """As many workers as this process may use cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_ordered(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    describe: Callable[[Item], str] = str,
) -> Generator[Result, None, None]:
    """``map(function, items)`` over ``workers`` processes, results in the order of ``items``.

    Args:
        function: a module-level function.
        items: picklable; drawn only a little ahead of the results.
        workers: 0 or 1 works in this process.
        describe: an item's name for messages.

    Raises:
        WorkerError: a worker could not be started, died (naming its item), or raised something unexpected.
        BertwrightError: what ``function`` raised on purpose, as it was.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    crew = _Crew(function, workers, describe)
    try:
        yield from crew.work(iter(items))
    finally:
        crew.dismiss()


def map_as_done(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    describe: Callable[[Item], str] = str,
) -> Generator[tuple[Item, Result], None, None]:
    """As :func:`map_ordered`, each item with its result as soon as that is there, so that no worker waits."""
    if workers <= 1:
        yield from ((item, function(item)) for item in items)
        return
    crew = _Crew(function, workers, describe)
    try:
        for number, result in crew.numbered(iter(items), ahead=len(items)):
            yield items[number], result
    finally:
        crew.dismiss()


@dataclass(frozen=True)
class Local:
    """The engine of this machine: ``workers`` processes, 0 or 1 for the one that asks.

    A worker that dies is not replaced: on one machine it died of the part that it worked on, or of a lack of
    memory, and would again.
    """

    workers: int = 1

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        describe: Callable[[Item], str] = str,
        need: Need | None = None,
    ) -> Generator[Result, None, None]:
        """See :meth:`bertwright.execution.engine.Engine.map`; ``need`` is met here."""
        return map_ordered(function, items, workers=self.workers, describe=describe)


class _Crew:
    def __init__(self, function: Callable[[Any], Any], workers: int, describe: Callable[[Any], str]) -> None:
        self._describe = describe
        self._workers = workers
        self._function = function
        # fork is not safe beside threads of native libraries
        self._context = multiprocessing.get_context("spawn")
        self._processes: list[BaseProcess] = []
        self._lines: list[Connection] = []
        self._delivered = 0

    def work(self, items: Iterator[Any]) -> Iterator[Any]:
        """Results in the order of ``items``, which are drawn a little ahead of them."""
        done: dict[int, Any] = {}
        for number, result in self.numbered(items, ahead=_LOOK_AHEAD * self._workers):
            done[number] = result
            while self._delivered in done:
                yield done.pop(self._delivered)
                self._delivered += 1

    def numbered(self, items: Iterator[Any], ahead: int) -> Iterator[tuple[int, Any]]:
        """Results as they come, with the numbers of their items.

        Args:
            ahead: so many more items than :meth:`work` has delivered may be drawn.
        """
        busy: dict[int, tuple[int, Any]] = {}  # worker -> (number of the item, item)
        idle: list[int] = []
        given = 0
        exhausted = False
        while True:
            while (
                not exhausted
                and given < self._delivered + ahead
                and (idle or len(self._processes) < self._workers)
            ):
                batch = list(islice(items, 1))
                if not batch:
                    exhausted = True
                    break
                worker = idle.pop() if idle else self._hire()
                self._give(worker, batch[0], busy, given)
                given += 1
            if not busy:
                return
            for worker, number, result in self._receive(busy):
                idle.append(worker)
                yield number, result

    def _hire(self) -> int:
        worker = len(self._processes)
        try:
            here, there = self._context.Pipe()
            with there:
                process = self._context.Process(target=_serve, args=(there, self._function), daemon=True)
                try:
                    process.start()
                except BaseException:
                    here.close()
                    raise
        except OSError as problem:  # no more processes, descriptors or memory
            raise WorkerError(
                f"worker {worker} cannot be started: {problem.strerror or problem}"
            ) from problem
        self._processes.append(process)
        self._lines.append(here)
        return worker

    def _give(self, worker: int, item: Any, busy: dict[int, tuple[int, Any]], number: int) -> None:
        busy[worker] = (number, item)
        try:
            self._lines[worker].send(item)
        except (BrokenPipeError, ConnectionResetError):
            raise self._death(worker, item) from None

    def _receive(self, busy: dict[int, tuple[int, Any]]) -> list[tuple[int, int, Any]]:
        lines = {self._lines[worker]: worker for worker in busy}
        answers = []
        for ready in wait(list(lines)):
            worker = lines[cast(Connection, ready)]
            number, item = busy.pop(worker)
            try:
                ok, value = self._lines[worker].recv()
            except (EOFError, ConnectionResetError):
                raise self._death(worker, item) from None
            if not ok:
                raise value
            answers.append((worker, number, value))
        return answers

    def _death(self, worker: int, item: Any) -> WorkerError:
        process = self._processes[worker]
        process.join(timeout=5)
        code = process.exitcode
        how = (
            f"was killed by {signal.Signals(-code).name}"
            if code is not None and code < 0
            else f"ended with code {code}"
        )
        return WorkerError(
            f"worker {worker} (pid {process.pid}) {how} while working on {self._describe(item)}"
        )

    def dismiss(self) -> None:
        for line in self._lines:
            line.close()
        at_work = _still_there(self._processes, _LEAVING_SECONDS)
        for process in at_work:
            process.terminate()
        for process in _still_there(at_work, _SAVING_SECONDS):
            process.kill()
            process.join()


def _still_there(processes: Sequence[BaseProcess], seconds: float) -> list[BaseProcess]:
    """Those that have not ended so many seconds from now."""
    end = time.monotonic() + seconds
    for process in processes:
        process.join(timeout=max(0.0, end - time.monotonic()))
    return [process for process in processes if process.is_alive()]


def _serve(line: Connection, function: Callable[[Any], Any]) -> None:
    global _serving
    _serving = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    while True:
        try:
            item = line.recv()
        except (EOFError, ConnectionResetError):
            return  # the parent has gone or has no more work
        try:
            line.send(answered(function, item))
        except (BrokenPipeError, ConnectionResetError):
            return


def _leave_with_parent() -> None:
    """Stop this process, as :meth:`_Crew.dismiss` would, once the one above it has gone without a word.

    A parent that was killed dismisses nobody, and the line is looked at between two items only: they may take
    hours.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
