"""The learning rate, by hand, by property, and against the original."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import shared_path

from bertwright.training.schedule import LinearSchedule


def test_continuous_by_hand() -> None:
    schedule = LinearSchedule(peak=1.0, total=10, warmup=4)
    expected = [0.25, 0.5, 0.75, 1.0, 1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    assert [schedule.rate(k) for k in range(10)] == pytest.approx(expected)
    assert schedule.rate(10) == 0.0


def test_shares_of_time_start_at_zero_and_end_at_zero() -> None:
    schedule = LinearSchedule(peak=2.0, total=1.0, warmup=0.25, unit=0.0)
    assert [schedule.rate(x) for x in (0, 0.125, 0.25, 0.625, 1)] == pytest.approx([0, 1, 2, 1, 0])


def test_without_warm_up_the_first_update_has_the_peak() -> None:
    assert LinearSchedule(peak=3.0, total=5).rate(0) == 3.0
    assert LinearSchedule(peak=3.0, total=5, shape="original").rate(0) == 3.0


@given(st.integers(1, 500), st.floats(0, 1), st.floats(1e-6, 1))
def test_the_continuous_rate_never_jumps_and_never_passes_the_peak(
    steps: int, share: float, peak: float
) -> None:
    warmup = round(share * steps)
    schedule = LinearSchedule(peak, steps, warmup)
    rates = [schedule.rate(k) for k in range(steps)]
    assert all(0 < rate <= peak for rate in rates)
    largest = peak / max(1, min(warmup or steps, max(steps - warmup, 1)))
    assert all(abs(a - b) <= largest * 1.0001 for a, b in itertools.pairwise(rates))


@pytest.mark.parametrize("case", ["warmup", "no_warmup", "warmup_longer_than_training"])
def test_original_against_the_reference(case: str) -> None:
    settings = json.loads(shared_path("golden/optimizer/cases.json").read_text())[case]
    with np.load(shared_path(f"golden/optimizer/{case}.npz")) as data:
        expected = data["learning_rate"]
    schedule = LinearSchedule(
        settings["init_lr"], settings["num_train_steps"], settings["num_warmup_steps"], "original"
    )
    rates = np.array([schedule.rate(k) for k in range(settings["steps"])])
    assert len(expected) == settings["steps"]
    np.testing.assert_allclose(rates, expected, rtol=2e-6, atol=1e-9)
