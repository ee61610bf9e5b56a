"""The vectors of many rows in several stores, each of which is finished by itself.

An interruption costs the store in hand; those before it are taken up as they are.
Axes: S positions of a row, n chosen layers, H hidden size.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bertwright.features.pooling import PoolingName, pooling
from bertwright.features.store import FeatureStore, Number, cached_features
from bertwright.model.encoder import BertEncoder
from bertwright.model.input_tensors import EncodedRow
from bertwright.progress import Progress

STORE_BYTES = 512 << 20
"""About so many bytes of vectors are one store."""


@dataclass(frozen=True)
class JoinedStores:
    """Stores whose rows follow each other."""

    stores: tuple[FeatureStore, ...]

    @cached_property
    def _ends(self) -> list[int]:
        """The row behind the last of each store."""
        ends: list[int] = np.cumsum([len(store) for store in self.stores]).tolist()
        return ends

    def __len__(self) -> int:
        return sum(map(len, self.stores))

    def row(self, index: int) -> NDArray[np.float32]:
        """(S, n, H) float32: a row's tokens, ``[CLS]`` and ``[SEP]`` included."""
        place = bisect_right(self._ends, index)
        return self.stores[place].row(index - (self._ends[place - 1] if place else 0))

    def moments(self, pool: PoolingName | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each number: (n, H) float32 both, read row by row.

        Args:
            pool: over the rows, each pooled so, which is what a model of whole rows reads; None for over all
                tokens.
        """
        shape = self.stores[0].vectors.shape[1:]
        mean, squares, count = np.zeros(shape), np.zeros(shape), 0
        for index in range(len(self)):  # Chan et al. (1979): rows are added without loss of digits
            part = self._pooled(index, pool).astype(np.float64)
            own, size = part.mean(axis=0), len(part)
            shift, count = own - mean, count + size
            squares += np.square(part - own).sum(axis=0) + np.square(shift) * size * (count - size) / count
            mean += shift * size / count
        return mean.astype(np.float32), np.sqrt(squares / max(1, count)).astype(np.float32)

    def _pooled(self, index: int, pool: PoolingName | None) -> NDArray[np.float32]:
        row = self.row(index)
        if pool is None:
            return row
        pooled = pooling(pool)(torch.from_numpy(row.reshape(1, len(row), -1)), None)
        return pooled.numpy().reshape(1, *row.shape[1:])


def joined_features(
    folder: Path,
    encoder: BertEncoder,
    rows: Sequence[EncodedRow],
    layers: Sequence[int],
    *,
    model: str,
    dtype: Number = "float32",
    progress: Progress | None = None,
) -> JoinedStores:
    """The vectors of ``rows`` inside ``folder``; arguments and errors as :func:`cached_features`."""
    token_bytes = len(layers) * encoder.config.hidden_size * np.dtype(dtype).itemsize
    parts = _parts(rows, token_bytes)
    return JoinedStores(
        tuple(
            cached_features(folder, encoder, part, layers, model=model, dtype=dtype, progress=progress)
            for part in parts
        )
    )


def _parts(rows: Sequence[EncodedRow], token_bytes: int) -> Iterator[Sequence[EncodedRow]]:
    """Rows that follow each other, each part as large as a store may be; at least one part."""
    start = size = 0
    for place, row in enumerate(rows):
        own = len(row) * token_bytes
        if size + own > STORE_BYTES and place > start:
            yield rows[start:place]
            start, size = place, 0
        size += own
    yield rows[start:]
