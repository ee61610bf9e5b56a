"""How long a run lasts and in which phase each step stands: by steps, or by the clock."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Moment:
    """Where in the run an update stands."""

    step: int
    """Updates done before this one."""
    phase: int
    """Which phase the update belongs to, from 0."""
    step_in_phase: int
    """Updates of this phase done before this one."""
    done: float
    """Position on the schedule, in the unit of :attr:`Pace.total`."""
    share: float
    """Position on the schedule, 0 at the start and 1 at the end."""


class Pace(Protocol):
    """Decides whether there is a next update and in which phase it is."""

    unit: str
    """What :attr:`length` counts: ``"steps"`` or ``"seconds"``."""

    @property
    def length(self) -> float:
        """Length of the run in :attr:`unit`."""

    @property
    def total(self) -> float:
        """Length of the schedule: the number of steps, or 1.0 where the clock decides."""

    def moment(self, step: int, elapsed: float) -> Moment | None:
        """The update after ``step`` updates and ``elapsed`` seconds; None when the run is over."""

    def state(self) -> dict[str, Any]:
        """What must be saved so that a resumed run decides alike (JSON)."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` returned."""


class StepPace:
    """A fixed number of steps; phase ``i`` takes ``shares[i]`` of them.

    A pure function of the step: nothing needs saving, and a resumed run is the uninterrupted one.
    """

    unit = "steps"

    def __init__(self, steps: int, shares: Sequence[float] = (1.0,)) -> None:
        ends = [round(steps * share) for share in itertools.accumulate(shares)]
        self._ends = [*ends[:-1], steps]
        self.steps = steps

    @property
    def length(self) -> float:
        return float(self.steps)

    @property
    def total(self) -> float:
        return float(self.steps)

    def phase_steps(self) -> list[int]:
        """Number of updates in each phase."""
        return [end - start for start, end in itertools.pairwise([0, *self._ends])]

    def moment(self, step: int, elapsed: float) -> Moment | None:
        if step >= self.steps:
            return None
        phase = next(number for number, end in enumerate(self._ends) if step < end)
        start = self._ends[phase - 1] if phase else 0
        return Moment(step, phase, step - start, float(step), step / self.steps)

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass


class BudgetPace:
    """Until ``seconds`` have passed; the position on the schedule is the share of them that has.

    Phase ``i`` is to have ``shares[i]`` of the *steps*, as in a run of fixed length. A step of phase ``i``
    costs ``costs[i]`` (any unit), so the phase gets the share ``shares[i] * costs[i] / sum`` of the time. Its
    rate is that of the time, not of the steps: the last phase, few long steps, would hardly have any
    (docs/log.md). What the clock decided (where each phase began) is saved, and every step's phase and rate
    are in the log.
    """

    unit = "seconds"

    def __init__(
        self, seconds: float, shares: Sequence[float] = (1.0,), costs: Sequence[float] = (1.0,)
    ) -> None:
        self._weights = [share * cost for share, cost in zip(shares, costs, strict=True)]
        self._starts = [0] * len(self._weights)
        self._phase = 0
        self._last_until(seconds)

    def _last_until(self, seconds: float) -> None:
        times = [seconds * weight / sum(self._weights) for weight in self._weights]
        self._ends = [*itertools.accumulate(times[:-1]), seconds]
        self.seconds = seconds

    @property
    def length(self) -> float:
        return self.seconds

    @property
    def total(self) -> float:
        return 1.0

    def moment(self, step: int, elapsed: float) -> Moment | None:
        if elapsed >= self.seconds:
            return None
        phase = max(self._phase, next(number for number, end in enumerate(self._ends) if elapsed < end))
        while self._phase < phase:
            self._phase += 1
            self._starts[self._phase] = step
        share = elapsed / self.seconds
        return Moment(step, phase, step - self._starts[phase], share, share)

    def state(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "phase": self._phase, "phase_starts": list(self._starts)}

    def restore(self, state: dict[str, Any]) -> None:
        self._last_until(float(state["seconds"]))
        self._phase = int(state["phase"])
        self._starts = [int(start) for start in state["phase_starts"]]
