"""The model that a command answers with, and what is to be said of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bertwright.progress import Progress

if TYPE_CHECKING:
    from bertwright.inference.model import Model
    from bertwright.tasks.precision import PrecisionName


def loaded(model: Path, device: str, progress: Progress, *, precision: PrecisionName | None = None) -> Model:
    """The model in ``model``, opened as a command was asked to; what is odd about the folder is said.

    Args:
        precision: of :meth:`Model.embed` and :meth:`Model.predict`; None is what is stored.

    Raises:
        InputError: see :func:`bertwright.load`.
    """
    from bertwright.inference.model import load
    from bertwright.tasks.precision import remark_on

    opened = load(model, device=device, precision=precision)
    for note in opened.folder.notes:
        progress.say(note)
    if remark := remark_on(precision):
        progress.say(remark)
    return opened
