"""Which update stands where, by steps and by the clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bertwright.training.pace import BudgetPace, StepPace


def test_ninety_and_ten_percent() -> None:
    pace = StepPace(20, (0.9, 0.1))
    moments = [pace.moment(step, 0.0) for step in range(21)]
    assert pace.phase_steps() == [18, 2]
    assert moments[20] is None
    assert [(m.phase, m.step_in_phase) for m in moments[16:20] if m] == [(0, 16), (0, 17), (1, 0), (1, 1)]


@given(st.integers(1, 300), st.floats(0, 1))
def test_every_step_belongs_to_one_phase(steps: int, share: float) -> None:
    pace = StepPace(steps, (share, 1 - share))
    seen = [pace.moment(step, 0.0) for step in range(steps)]
    counts = [sum(1 for m in seen if m and m.phase == phase) for phase in range(2)]
    assert counts == pace.phase_steps()
    assert sum(counts) == steps
    assert pace.moment(steps, 0.0) is None


def test_a_phase_of_no_steps_is_skipped() -> None:
    pace = StepPace(3, (0.9, 0.1))  # a tenth of three steps is none
    assert [m.phase for m in (pace.moment(s, 0.0) for s in range(3)) if m] == [0, 0, 0]


def test_the_clock_gives_a_dear_phase_its_share_of_the_steps() -> None:
    """So that it takes two thirds of the time; the position on the schedule is that of the time."""
    pace = BudgetPace(100.0, (0.9, 0.1), (1.0, 4.5))  # 0.9 : 0.45
    moments = [pace.moment(step, elapsed) for step, elapsed in ((0, 0.0), (700, 66.0), (711, 67.0))]
    assert [(m.phase, m.step_in_phase, m.share) for m in moments if m] == [
        (0, 0, 0.0),
        (0, 700, 0.66),
        (1, 0, 0.67),
    ]
    assert pace.moment(712, 100.0) is None


def test_what_the_clock_decided_is_restored() -> None:
    pace = BudgetPace(10.0, (0.5, 0.5), (1.0, 1.0))
    pace.moment(0, 0.0)
    pace.moment(7, 6.0)
    other = BudgetPace(10.0, (0.5, 0.5), (1.0, 1.0))
    other.restore(pace.state())
    moment = other.moment(9, 7.0)
    assert moment and (moment.phase, moment.step_in_phase) == (1, 2)


def test_jumping_over_a_phase_starts_both() -> None:
    pace = BudgetPace(9.0, (1 / 3, 1 / 3, 1 / 3), (1.0, 1.0, 1.0))
    moment = pace.moment(4, 8.0)
    assert moment and (moment.phase, moment.step_in_phase) == (2, 0)
    assert pace.state() == {"seconds": 9.0, "phase": 2, "phase_starts": [0, 4, 4]}


def test_a_resumed_run_keeps_the_clock_it_had() -> None:
    """Whatever was left of the budget when it was resumed: neither its end nor its phase moves."""
    pace = BudgetPace(10.0, (0.5, 0.5), (1.0, 1.0))
    before = pace.moment(7, 5.5)
    other = BudgetPace(20.0, (0.5, 0.5), (1.0, 1.0))
    other.restore(pace.state())
    assert other.length == 10.0
    assert other.moment(7, 5.5) == before
    assert other.moment(9, 10.0) is None


@given(st.lists(st.floats(0, 9.99), min_size=1, max_size=20))
def test_a_phase_never_comes_back(clock: list[float]) -> None:
    pace = BudgetPace(10.0, (0.3, 0.3, 0.4), (1.0, 2.0, 3.0))
    moments = [pace.moment(step, elapsed) for step, elapsed in enumerate(clock)]
    phases = [moment.phase for moment in moments if moment]
    assert phases == sorted(phases)
    assert all(moment and moment.step_in_phase >= 0 and 0 <= moment.share < 1 for moment in moments)
