"""The vectors of many rows on disk, memory-mapped: the frozen encoder runs once, whatever is trained on it.

A store is a folder: ``vectors.bin`` (T, n, H), all tokens of all rows one after the other; ``lengths.bin``
(N,) int32, the tokens of each row; ``manifest.json``. Numbers are little-endian. It is named by what it was
made from (model, rows, layers, type of number), so that a folder that is there is the one that is wanted.

Axes: N rows, T tokens of all rows, S of one row, n chosen layers, H hidden size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bertwright.durable import Manifest, NewDirectory, check_free_space, digest_of, read_manifest, verify
from bertwright.errors import DigestError, NonFiniteError, StoreError
from bertwright.features.hidden_states import hidden_states
from bertwright.model.encoder import BertEncoder
from bertwright.model.input_tensors import EncodedRow
from bertwright.progress import Progress, Silent

Number = Literal["float32", "float16"]
KIND = "features"
BLOCK_BYTES = 128 << 20
"""Vectors held in memory at a time; among the rows of a block those of like length share a batch."""
_TYPES: dict[str, str] = {"float32": "<f4", "float16": "<f2"}


@dataclass(frozen=True)
class FeatureStore:
    """A finished store, open for reading."""

    path: Path
    layers: tuple[int, ...]
    vectors: NDArray[Any]
    """(T, n, H) float32 or float16, memory-mapped."""
    starts: NDArray[np.int64]
    """(N + 1,): where each row begins."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, index: int) -> NDArray[np.float32]:
        """(S, n, H) float32: a row's tokens, ``[CLS]`` and ``[SEP]`` included."""
        return np.array(self.vectors[self.starts[index] : self.starts[index + 1]], np.float32)

    @classmethod
    def open(cls, path: Path, *, key: str | None = None) -> FeatureStore:
        """Open a store, every digest compared.

        Args:
            key: what it must have been made from, see :func:`store_key`.

        Raises:
            StoreError: it is no store, or one of something else.
            DigestError: it is damaged.
        """
        manifest = read_manifest(path, KIND, error=StoreError)
        if key is not None and manifest.fields.get("key") != key:
            hint = "remove it, or choose another folder for the cache"
            raise StoreError.at(path, f"features with key {key[:12]}…", manifest.fields.get("key"), hint=hint)
        verify(manifest)
        return cls._mapped(manifest)

    @classmethod
    def _mapped(cls, manifest: Manifest) -> FeatureStore:
        fields, path = manifest.fields, manifest.path
        layers = tuple(fields["layers"])
        lengths = np.fromfile(path / "lengths.bin", "<i4")
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        shape = (int(starts[-1]), len(layers), int(fields["hidden_size"]))
        kind = np.dtype(_TYPES[fields["dtype"]])
        if manifest.files["vectors.bin"]["bytes"] != int(np.prod(shape)) * kind.itemsize:
            raise StoreError.at(path, f"vectors of shape {shape}", "another number of bytes")
        if not starts[-1]:  # nothing cannot be mapped
            return cls(path, layers, np.empty(shape, kind), starts)
        return cls(path, layers, np.memmap(path / "vectors.bin", kind, "r", shape=shape), starts)


def rows_digest(rows: Sequence[EncodedRow]) -> str:
    """SHA-256 of the ids and segments of ``rows``: equal digests have equal vectors under one model."""
    found = hashlib.sha256()
    for row in rows:
        ids = np.asarray(row.input_ids, "<i4")
        found.update(np.int64(len(ids)).tobytes())
        found.update(ids.tobytes())
        found.update(np.asarray(row.token_type_ids, "<i1").tobytes())
    return found.hexdigest()


def store_key(model: str, rows: Sequence[EncodedRow], layers: Sequence[int], dtype: Number) -> str:
    """Names a store by what its vectors depend on.

    Args:
        model: digest of the model folder; the rows' digest already holds the vocabulary and the lengths.
    """
    made_from = {"model": model, "rows": rows_digest(rows), "layers": list(layers), "dtype": dtype}
    return digest_of(made_from)


def cached_features(
    folder: Path,
    encoder: BertEncoder,
    rows: Sequence[EncodedRow],
    layers: Sequence[int],
    *,
    model: str,
    dtype: Number = "float32",
    progress: Progress | None = None,
) -> FeatureStore:
    """The store of ``rows`` inside ``folder``: the one that is there, or a new one.

    An interrupted extraction leaves nothing.

    Args:
        folder: the cache; made when absent.
        layers: as in ``hidden_states``: 0 the embeddings.
        model: digest of the model folder that ``encoder`` is from.
        dtype: float16 takes half the space, and keeps three digits of each number.

    Raises:
        DigestError: the store that is there is damaged.
        NonFiniteError: the weights give no finite numbers, or float16 cannot hold them.
        DiskError: there is no room, or the file system refused.
    """
    watch = progress or Silent()
    key = store_key(model, rows, layers, dtype)
    path = folder / key[:32]
    if path.exists():
        try:
            store = FeatureStore.open(path, key=key)
        except DigestError as problem:
            raise DigestError(f"{problem} (remove the folder: it will be made again)") from None
        watch.say(f"features of {len(rows):,} rows: taken from {path}")
        return store
    folder.mkdir(parents=True, exist_ok=True)
    _write(path, key, encoder, rows, layers, dtype, watch)
    return FeatureStore.open(path, key=key)


def _write(
    path: Path,
    key: str,
    encoder: BertEncoder,
    rows: Sequence[EncodedRow],
    layers: Sequence[int],
    dtype: Number,
    watch: Progress,
) -> None:
    kind, hidden = np.dtype(_TYPES[dtype]), encoder.config.hidden_size
    lengths = np.array([len(row) for row in rows], "<i4")
    needed = int(lengths.sum(dtype=np.int64)) * len(layers) * hidden * kind.itemsize
    check_free_space(path, needed)
    with NewDirectory(path, kind=KIND, needed_bytes=needed) as new:
        new.write("lengths.bin", lengths.tobytes())
        vectors = new.open("vectors.bin")
        watch.start("extracting features", len(rows), "rows")
        for block in _blocks(rows, len(layers) * hidden * 4):
            for states in hidden_states(encoder, block, layers, progress=watch):
                vectors.write(_stored(states, kind).data)
        watch.finish()
        new.manifest = {"key": key, "layers": list(layers), "hidden_size": hidden, "dtype": dtype}
        new.manifest |= {"rows": len(rows), "tokens": int(lengths.sum(dtype=np.int64))}


def _stored(states: NDArray[np.float32], kind: np.dtype[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(states, kind)
    if kind.itemsize == 2 and not np.isfinite(numbers).all():
        raise NonFiniteError("the features are too large for float16 (store float32)")
    return numbers


def _blocks(rows: Sequence[EncodedRow], token_bytes: int) -> Iterator[Sequence[EncodedRow]]:
    start = size = 0
    for place, row in enumerate(rows):
        size += len(row) * token_bytes
        if size >= BLOCK_BYTES:
            yield rows[start : place + 1]
            start, size = place + 1, 0
    if start < len(rows):
        yield rows[start:]
