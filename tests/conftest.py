"""Test set-up: the slow tests are sampled unless asked for whole."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
# One thread here and in every process a test starts: the order of a sum, and so its last bit, goes by the
# number of threads. Tests can then run side by side, too.
os.environ["OMP_NUM_THREADS"] = "1"


def _without_waiting(descriptor: int) -> None:
    """In place of ``os.fsync``, in the tests' own processes.

    To wait for the disk after every checkpoint of a small model is most of its time, and no test takes the
    power away. What is no descriptor is still an error.
    """
    os.fstat(descriptor)


os.fsync = _without_waiting

SAMPLE = 20  # one slow test in twenty


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--slow", choices=["none", "sample", "all"], default="sample", help="which slow tests to run"
    )
    parser.addoption("--slow-seed", type=int, default=None, help="seed of the sample of slow tests")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--slow-seed") is None:
        config.option.slow_seed = int(os.environ.get("BERTWRIGHT_SLOW_SEED", random.randrange(10**6)))


def pytest_report_header(config: pytest.Config) -> str:
    return f"slow tests: {config.getoption('--slow')}, seed {config.getoption('--slow-seed')}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = config.getoption("--slow")
    slow = [item for item in items if item.get_closest_marker("slow")]
    if chosen == "all" or not slow:
        return
    count = 0 if chosen == "none" else max(1, round(len(slow) / SAMPLE))
    sample = set(map(id, random.Random(config.getoption("--slow-seed")).sample(slow, count)))
    for item in slow:
        if id(item) not in sample:
            item.add_marker(pytest.mark.skip(reason="slow: outside this run's random sample"))
