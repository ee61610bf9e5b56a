"""Whether a text has one label or several, and how several are written."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from bertwright.config.settings import Settings


class ClassifySettings(Settings):
    """What is to be chosen for classification."""

    multi_label: bool | None = None
    """Whether a row may have several labels, or none; by default when the column of labels holds lists."""
    separator: Annotated[str, Field(min_length=1)] | None = None
    """What stands between the labels of a row where they are text; a comma unless given."""
    fit_threshold: bool = False
    """Fit the probability from which a label is given to the development rows, one for each label, instead
    of 0.5."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.multi_label is False and (self.separator is not None or self.fit_threshold):
            raise ValueError("separator and fit_threshold: expected only with multi_label")
        return self

    @property
    def asks_for_several(self) -> bool | None:
        """Whether rows have several labels; None when the file is to say so."""
        if self.multi_label is None and (self.separator is not None or self.fit_threshold):
            return True
        return self.multi_label
