"""The range of the numbers to be predicted."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from bertwright.config.settings import Settings


class RegressSettings(Settings):
    """What is known about the numbers before a row was read."""

    minimum: float | None = None
    """The lowest possible number; rows below it are warned of."""
    maximum: float | None = None
    """The highest possible number; rows above it are warned of."""
    clip: bool = False
    """Whether predictions outside the range are moved to its nearer end."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError(
                f"minimum: expected less than the maximum {self.maximum:g}, got {self.minimum:g}"
            )
        if self.clip and self.minimum is None and self.maximum is None:
            raise ValueError("clip: expected a minimum or a maximum with it")
        return self
