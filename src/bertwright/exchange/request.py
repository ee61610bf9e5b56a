"""A request for a model in another format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """What is asked of a target besides the model."""

    origin: Mapping[str, Any]
    """Where the model comes from, for the provenance that is stored: ``name``, ``format``, ``digest``."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of one target alone."""
