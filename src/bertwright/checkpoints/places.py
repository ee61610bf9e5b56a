"""One tensor as a file stores it, and how it gets to where the network needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bertwright.errors import ModelError


@dataclass(frozen=True)
class Place:
    """One tensor as a file stores it."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]


def require_fit(source: str | Path, place: Place, shape: tuple[int, ...]) -> None:
    """Refuse a tensor of another shape, or of whole numbers.

    Raises:
        ModelError: naming both.
    """
    if place.shape != shape:
        raise ModelError.at(source, f"shape {shape}", str(place.shape), field=f"tensor {place.name}")
    if not place.dtype.is_floating_point:
        expected = "floating-point numbers"
        raise ModelError.at(source, expected, str(place.dtype), field=f"tensor {place.name}")


Take = Callable[[str, Tensor], tuple[Place, bool]]
"""Puts the stored tensor of a name into the given one (float32, contiguous); says what it was, and whether
its numbers are finite. Raises a ModelError as :func:`require_fit`."""


def copied(read: Callable[[str], Tensor], source: str | Path) -> Take:
    """A :data:`Take` for what ``read`` gives."""

    def take(name: str, out: Tensor) -> tuple[Place, bool]:
        tensor = read(name)
        place = Place(name, tensor.dtype, tuple(tensor.shape))
        require_fit(source, place, tuple(out.shape))
        out.copy_(tensor)
        return place, all_finite(out.view(-1))

    return take


def all_finite(numbers: Tensor) -> bool:
    """Whether no number of ``numbers`` (one axis, float32) is NaN or infinite.

    A sum of squares tells at the speed of memory; only where that overflows is each number looked at.
    """
    return bool(torch.isfinite(torch.dot(numbers, numbers))) or bool(torch.isfinite(numbers).all())
