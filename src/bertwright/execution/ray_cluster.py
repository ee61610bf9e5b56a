"""The engine of many machines: parts of work as tasks of a Ray cluster.

Ray finds a free machine for each part, and gives a part that was lost with its machine to another; order,
errors and what is told of them are those of :mod:`bertwright.execution.local`. A worker process stays for all
parts that it is given, so what it has loaded for one serves the next.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import bertwright
from bertwright.errors import UsageError, WorkerError, shown_path
from bertwright.execution.answers import Answer, answered
from bertwright.execution.engine import Item, Need, Result
from bertwright.execution.ray_driver import Driver

_RETRIES = 3  # machines that a part may outlive; what kills four workers is to blame itself
_QUEUED = 2  # parts at work or waiting for each worker: none is idle while the next part travels
_LOOK_SECONDS = 1.0
_LEAVE_SECONDS = 10.0


class RayCluster:
    """Work on a Ray cluster, between ``with`` and its end.

    Args:
        address: ``HOST:PORT`` of a cluster; ``auto`` for the one that runs on this machine; ``local`` for one
            that is started here and ends with this; None for what RAY_ADDRESS says, or the one that runs
            here, or one that is started.
        at_once: parts that may be at work at the same time; by default as many as there is room for.
        say: told of machines that are lost.

    Raises:
        UsageError: Ray is not installed, or there is no such cluster.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        at_once: int | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        if at_once is not None and at_once < 1:
            raise UsageError(f"workers: expected at least 1 of a Ray cluster, got {at_once}")
        self._driver = Driver(address)
        self._at_once = at_once
        self._say = say

    def __enter__(self) -> RayCluster:
        self._driver.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driver.leave()

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        describe: Callable[[Item], str] = str,
        need: Need | None = None,
    ) -> Generator[Result, None, None]:
        """See :meth:`bertwright.execution.engine.Engine.map`.

        Raises:
            UsageError: a machine of the cluster does not see a path that is needed.
        """
        ray, wanted = self._driver.ray, need or Need()
        _require_paths(ray, (Path.cwd(), *wanted.paths))
        room = _Room(ray, wanted, self._at_once, self._say)
        task = ray.remote(_work).options(
            num_cpus=room.threads, num_gpus=wanted.gpus, max_retries=_RETRIES, name="bertwright"
        )
        tasks = _Tasks(ray, room, describe, lambda item: task.remote(_place(), function, item))
        try:
            yield from tasks.work(iter(items))
        finally:
            tasks.dismiss()


class _Room:
    """How many parts the machines that are there have room for."""

    def __init__(self, ray: Any, need: Need, at_once: int | None, say: Callable[[str], None]) -> None:
        self._ray = ray
        self._need = need
        self._at_once = at_once
        self._say = say
        self._alive: dict[str, dict[str, Any]] = {}
        self._look()
        sizes = [int(node["Resources"].get("CPU", 0)) for node in self._alive.values()]
        # No machine may have so many processors: the part then computes with as many threads all the same.
        self.threads = min(need.threads, max(sizes, default=0) or need.threads)
        if need.gpus and not any(node["Resources"].get("GPU") for node in self._alive.values()):
            say("Ray: no machine of the cluster has a GPU yet: waiting for one")
        if not any(sizes):
            say("Ray: no machine of the cluster has a processor to give yet: waiting for one")

    def parts(self) -> int:
        """Parts that may be at work or wait for it."""
        if self._at_once is not None:
            return self._at_once
        fitting = sum(self._fitting(node["Resources"]) for node in self._alive.values())
        return _QUEUED * max(1, fitting)

    def look_around(self) -> None:
        """Notice now and then machines that came or went, and tell of the latter."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        before = self._alive
        self._look()
        for number in before.keys() - self._alive.keys():
            name = before[number]["NodeManagerHostname"]
            self._say(f"Ray: lost the machine {name}: its parts are done again on others")

    def _look(self) -> None:
        self._alive = {node["NodeID"]: node for node in self._ray.nodes() if node["Alive"]}
        self._looked = time.monotonic()

    def _fitting(self, resources: dict[str, float]) -> int:
        fitting = int(resources.get("CPU", 0) // self.threads)
        return min(fitting, int(resources.get("GPU", 0) // self._need.gpus)) if self._need.gpus else fitting


class _Tasks:
    """Parts that were given away and have not come back."""

    def __init__(
        self, ray: Any, room: _Room, describe: Callable[[Any], str], give: Callable[[Any], Any]
    ) -> None:
        self._ray = ray
        self._room = room
        self._describe = describe
        self._give = give
        self._pending: dict[Any, tuple[int, str]] = {}  # reference -> number and name of the item

    def work(self, items: Iterator[Any]) -> Iterator[Any]:
        done: dict[int, Any] = {}
        given = wanted = 0
        exhausted = False
        while True:
            room = self._room.parts()
            while not exhausted and len(self._pending) < room and given < wanted + 2 * room:
                batch = list(islice(items, 1))
                exhausted = not batch
                if batch:
                    self._pending[self._give(batch[0])] = (given, self._describe(batch[0]))
                    given += 1
            if not self._pending and wanted == given:
                return
            if wanted not in done:
                done.update(self._received())
            while wanted in done:
                yield done.pop(wanted)
                wanted += 1

    def _received(self) -> Iterator[tuple[int, Any]]:
        ready, _ = self._ray.wait(list(self._pending), num_returns=1, timeout=_LOOK_SECONDS)
        self._room.look_around()
        for reference in ready:
            number, name = self._pending.pop(reference)
            ok, value = self._answer(reference, name)
            if not ok:
                raise value
            yield number, value

    def _answer(self, reference: Any, name: str) -> Answer:
        try:
            answer: Answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as problem:
            return False, WorkerError(f"{_reason(problem)} while working on {name}")
        return answer

    def dismiss(self) -> None:
        """Await what is still at work or stop it, so that nothing is written behind the caller's back.

        It is stopped only when it takes long: Ray ends this process, too, where an answer arrives while its
        task is cancelled ("Tried to complete task that was not pending").
        """
        pending, self._pending = list(self._pending), {}
        if pending:
            _, pending = self._ray.wait(pending, num_returns=len(pending), timeout=_LEAVE_SECONDS)
        for reference in pending:
            self._ray.cancel(reference, force=True)
        if pending:
            self._ray.wait(pending, num_returns=len(pending), timeout=_LEAVE_SECONDS)


def _place() -> tuple[str, str]:
    """What a worker must have in common with this process: the version, and where relative paths begin."""
    return bertwright.__version__, os.getcwd()


def _work(place: tuple[str, str], function: Callable[[Any], Any], item: Any) -> Answer:
    version, folder = place
    if bertwright.__version__ != version:
        return False, WorkerError(
            f"a worker of the Ray cluster has bertwright {bertwright.__version__}, and this is {version}: "
            "install the same on all machines"
        )
    os.chdir(folder)
    return answered(function, item)


def _require_paths(ray: Any, paths: tuple[Path, ...]) -> None:
    """Refuse a path that a machine of the cluster does not see: its parts would fail one by one.

    Raises:
        UsageError: the first machine and path.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    look = ray.remote(_first_absent)
    asked = {}
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU"):
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[look.options(num_cpus=0, scheduling_strategy=there).remote(paths)] = node
    for reference, node in asked.items():
        try:
            absent = ray.get(reference)
        except ray.exceptions.TaskUnschedulableError:
            continue  # the machine has gone meanwhile
        except ray.exceptions.RayError as problem:
            raise WorkerError(
                f"{_reason(problem)} on the machine {node['NodeManagerHostname']} of the Ray cluster"
            ) from None
        if absent is not None:
            raise UsageError(
                f"{shown_path(absent)}: expected a path that all machines of the Ray cluster share, and "
                f"{node['NodeManagerHostname']} does not see it"
            )


def _first_absent(paths: tuple[Path, ...]) -> Path | None:
    return next((path for path in paths if not os.path.lexists(path)), None)


def _reason(problem: Any) -> str:
    """One line of what Ray says at length."""
    name = type(problem).__name__
    if "No module named 'bertwright" in str(problem):
        return "a worker of the Ray cluster has no bertwright (install it on all machines): failed"
    if name in ("WorkerCrashedError", "NodeDiedError"):
        return f"workers of the Ray cluster died {_RETRIES + 1} times"
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return f"Ray: {name}: {lines[-1] if lines else 'no reason given'}"
