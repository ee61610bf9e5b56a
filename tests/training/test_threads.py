"""The trial finds the faster number of threads, and leaves torch as it was."""

from __future__ import annotations

import time

import pytest
import torch

from bertwright.training import threads
from bertwright.training.threads import fastest_threads


def test_the_faster_wins_and_torch_is_as_before() -> None:
    before = torch.get_num_threads()
    asked: list[int] = []

    def work() -> None:
        asked.append(torch.get_num_threads())
        time.sleep(0.03 if torch.get_num_threads() == 2 else 0.001)

    assert fastest_threads(work, (2, 1)) == 1
    assert asked[1:] == [2, 1] * threads.TRIALS
    assert torch.get_num_threads() == before


def test_one_candidate_is_not_tried() -> None:
    def work() -> None:
        raise AssertionError("tried")

    assert fastest_threads(work, (3,)) == 3


def test_a_failure_leaves_torch_as_before() -> None:
    before = torch.get_num_threads()

    def work() -> None:
        if torch.get_num_threads() == before + 1:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fastest_threads(work, (before + 1, before))
    assert torch.get_num_threads() == before


def test_long_work_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MOST_SECONDS", 0.0)
    calls: list[int] = []
    fastest_threads(lambda: calls.append(1), (1, 2))
    assert len(calls) == 3
