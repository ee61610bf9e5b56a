"""Rates and times as people read them."""

from __future__ import annotations

import pytest

from bertwright.cli.console import amount, duration, pace


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(0.0, "0"), (0.2149, "0.21"), (3.26, "3.3"), (9.99, "10"), (10.4, "10"), (51234.5, "51,234")],
)
def test_a_slow_rate_is_no_zero(rate: float, shown: str) -> None:
    assert amount(rate) == shown


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (0.0, "0 a second"),
        (0.1, "0.1 a second"),
        (0.05, "3 a minute"),
        (1 / 7, "0.14 a second"),
        (0.0061, "22 an hour"),
    ],
)
def test_the_unit_of_a_rate(rate: float, shown: str) -> None:
    assert pace(rate) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (119.4, "119 s"), (120, "2 min"), (3669, "61 min"), (32707, "9.1 h")]
)
def test_time_left(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
