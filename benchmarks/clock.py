"""Time that others who use the machine disturb less than the clock's."""

from __future__ import annotations

import resource


def processor_seconds() -> float:
    """What this process, and those it started that have ended, have taken of the processor so far."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
