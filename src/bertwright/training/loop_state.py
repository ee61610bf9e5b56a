"""What a checkpoint holds of a loop besides tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertwright.errors import ResumeError
from bertwright.training.checkpoint_store import STATE


@dataclass(frozen=True)
class LoopState:
    """Where a loop stands; its attributes are those of :class:`bertwright.training.loop.Loop`."""

    step: int
    tokens: int
    seconds: float
    busy_seconds: float
    pace: dict[str, Any]
    window: dict[str, Any]
    log_lines: int
    """Records in the log."""
    share: float
    """Of the run, done at the last update."""
    evaluated: tuple[int, bool]
    """At which step, and whether it was the last time."""
    last_evaluation: dict[str, float]
    carried: dict[str, Any] | None
    """The recipe's own."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**vars(self), "evaluated": list(self.evaluated)}

    @classmethod
    def read(cls, values: Mapping[str, Any], path: Path) -> LoopState:
        """From what :meth:`to_dict` gave, read back from the checkpoint at ``path``.

        Raises:
            ResumeError: something is missing, or is something else.
        """
        with fitting(path):
            step, last = values["evaluated"]
            return cls(
                step=int(values["step"]),
                tokens=int(values["tokens"]),
                seconds=float(values["seconds"]),
                busy_seconds=float(values["busy_seconds"]),
                pace=dict(values["pace"]),
                window=dict(values["window"]),
                log_lines=int(values["log_lines"]),
                share=float(values["share"]),
                evaluated=(int(step), bool(last)),
                last_evaluation=dict(values["last_evaluation"]),
                carried=values["carried"],
            )


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """For a block that takes the state in the checkpoint at ``path`` apart: its files are sound, yet they may
    be another program's.

    Raises:
        ResumeError: it is.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError) as problem:
        got = f"no {problem.args[0]}" if isinstance(problem, KeyError) else str(problem)
        raise ResumeError.at(
            path / STATE, "the state of such a run", got, hint="--overwrite begins anew"
        ) from None
