"""Weights as whole numbers.

Axes: I inputs and O outputs of a linear layer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

WEIGHT_RANGE = 64
"""Int8 weights go from -64 to 64: processors without VNNI add two products of 8 bits in 16, and with larger
weights the sum would overflow. The eighth bit was not missed: see docs/log.md, 2026-11-27."""


def rounded(weight: Array, largest: int) -> tuple[NDArray[np.int8], Array]:
    """``weight`` (O, I) as whole numbers from -``largest`` to ``largest``, and the scale (O,) of every row.

    ``numbers * scale[:, None]`` is within half a scale of ``weight``. A row of zeros has the scale 1.
    """
    peaks = np.abs(weight).max(axis=1)
    scales = np.where(peaks > 0, peaks / largest, 1).astype(np.float32)
    numbers = np.clip(np.rint(weight / scales[:, None]), -largest, largest)
    return numbers.astype(np.int8), scales
