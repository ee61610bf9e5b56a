"""What a worker sends back for one item: the result, or an error that is fit to travel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bertwright.errors import BertwrightError, WorkerError

Answer = tuple[bool, Any]
"""(true, the result) or (false, the error)."""


def answered(function: Callable[[Any], Any], item: Any) -> Answer:
    """``function(item)``, or why there is no such thing; nothing but signals is raised."""
    try:
        return True, function(item)
    except BertwrightError as problem:
        return False, _portable(problem)
    except MemoryError:
        return False, WorkerError("a worker ran out of memory")
    except Exception as problem:  # becomes an error of the run, with its type and place
        return False, WorkerError(f"{type(problem).__name__} in a worker: {problem} ({_place(problem)})")


def _portable(problem: BertwrightError) -> BertwrightError:
    """The same error, fit to travel between processes whatever its constructor takes."""
    copy = type(problem).__new__(type(problem))
    copy.__dict__.update(problem.__dict__)
    copy.args = problem.args
    copy.__traceback__ = copy.__cause__ = copy.__context__ = None
    return copy


def _place(problem: BaseException) -> str:
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "no place"
