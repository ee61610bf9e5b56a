"""Work for the machines of a Ray cluster, and the cluster: two machines' worth of Ray on this one."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# A lost machine is noticed after a second instead of a quarter of a minute.
_ATTENTIVE = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}


class TwoMachines:
    """A Ray cluster of two machines with one processor each; the second can be lost."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster()
        self._cluster.add_node(num_cpus=1, include_dashboard=False, _system_config=_ATTENTIVE)
        self._second: Any = None
        self.repair()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def repair(self) -> None:
        """Let there be two machines."""
        if self._second is None:
            self._second = self._cluster.add_node(num_cpus=1)
        self._cluster.wait_for_nodes()

    def at_work(self, log: Path) -> bool:
        """Whether the second machine was the last to begin a part that is :func:`noted` in ``log``."""
        raylet = self._second.all_processes["raylet"][0].process.pid
        return log.read_text().split()[-1] == str(raylet)

    def lose_one(self) -> None:
        """Kill the processes of the second machine."""
        second, self._second = self._second, None
        if second is not None:
            self._cluster.remove_node(second, allow_graceful=False)

    def shutdown(self) -> None:
        self._cluster.shutdown()


@contextmanager
def two_machines() -> Iterator[TwoMachines]:
    """A cluster whose files go when it does; the test skips where Ray is not installed."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'bertwright[ray]'")
    folder = tempfile.mkdtemp(prefix="ray")  # a short path: sockets are in it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.delenv("RAY_ADDRESS", raising=False)
        paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))  # what the tests send is in here
        machines = TwoMachines()
        try:
            yield machines
        finally:
            machines.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def crash(number: int) -> int:
    return 1 // (number - 2)


def noted(item: tuple[Path, int]) -> bytes:
    """As large as Ray keeps on the machine that made it; a line in a file tells that it was begun."""
    log, number = item
    with log.open("a") as file:
        file.write(f"{number} {os.environ['RAY_RAYLET_PID']}\n")
    time.sleep(0.15)
    return bytes([number]) * 300_000


def here(_: int) -> tuple[int, str]:
    return os.getpid(), os.getcwd()
