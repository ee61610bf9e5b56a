"""A time as people write it: ``1h30m``, ``90s``, or a number of seconds."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_PARTS = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    match = _PARTS.fullmatch(text)
    if not match or not any(match.groups()):
        raise ValueError(f'expected a duration such as 30m, 2h or 1h30m, or seconds, got "{value[:40]}"')
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


Duration = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=366 * 86400)]
"""Seconds, more than none and at most a year."""
