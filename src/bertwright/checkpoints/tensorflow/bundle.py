"""A checkpoint of TensorFlow 1, opened: which tensors it has, and each on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bertwright.checkpoints import members
from bertwright.checkpoints.tensorflow.checksum import masked_crc32c
from bertwright.checkpoints.tensorflow.entries import TYPES, Record, parse_header
from bertwright.checkpoints.tensorflow.slices import SLICE_MARK, axis_of
from bertwright.checkpoints.tensorflow.table import read_table
from bertwright.errors import ModelError

_NAME_LIMIT = 1_000
_GAP = 4096
"""Bytes that may lie between tensors: a writer can align them. Nothing larger can hide there."""


@dataclass(frozen=True)
class Piece:
    """Where a part of a tensor lies, or all of it: from ``start`` on along its entry's axis."""

    start: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


@dataclass(frozen=True)
class BundleEntry:
    """One tensor. There are several pieces where the variable was partitioned."""

    dtype: torch.dtype | None
    """None for what is not numbers of a kind that networks are made of: it is listed but cannot be read."""
    shape: tuple[int, ...]
    pieces: tuple[Piece, ...]
    axis: int = 0


class TensorBundle:
    """The tensors of one checkpoint; ``prefix`` is its path without ``.index``.

    All of the index is checked here, and that the tensors lie in the data files without overlap or hole.

    Raises:
        ModelError: a file is missing, cut, appended to, damaged (checksum), outside the folder, or says
            something that no writer of TensorFlow's says.
    """

    def __init__(self, prefix: str | Path) -> None:
        prefix = Path(prefix)
        folder = prefix.parent
        self.index = members.member(folder, f"{prefix.name}.index")
        records = dict(read_table(self.index))
        shards = parse_header(records.pop(b"", b""), self.index)
        slices = {key: value for key, value in records.items() if key.startswith(SLICE_MARK)}
        self.entries: Mapping[str, BundleEntry] = {
            (name := self._name(key)): self._entry(name, value, slices, shards)
            for key, value in records.items()
            if key not in slices
        }
        if slices:
            raise ModelError.at(self.index, "slices that belong to a tensor", f"{len(slices)} others")
        names = [f"{prefix.name}.data-{number:05d}-of-{shards:05d}" for number in range(shards)]
        self.files = tuple(members.member(folder, name) for name in names)
        for shard, file in enumerate(self.files):
            self._require_filled(shard, file)

    def read(self, name: str) -> Tensor:
        """The tensor ``name``, its checksum verified.

        Raises:
            KeyError: there is none of that name.
            ModelError: it is damaged, or not of numbers.
        """
        entry = self.entries[name]
        if entry.dtype is None:
            raise ModelError.at(self.index, "a tensor of numbers", "another kind", field=name)
        if len(entry.pieces) == 1:
            return self._read(name, entry.pieces[0], entry.dtype)
        tensor = torch.empty(entry.shape, dtype=entry.dtype)
        for piece in entry.pieces:
            part = tensor.narrow(entry.axis, piece.start, piece.shape[entry.axis])
            part.copy_(self._read(name, piece, entry.dtype))
        return tensor

    def _read(self, name: str, piece: Piece, dtype: torch.dtype) -> Tensor:
        path = self.files[piece.shard]
        storage = torch.empty(piece.size, dtype=torch.uint8)
        memory = storage.numpy().data
        try:
            with path.open("rb") as file:
                file.seek(piece.offset)
                read = file.readinto(memory) if piece.size else 0
        except OSError as problem:
            raise ModelError.at(path, "a readable data file", problem.strerror) from None
        if read != piece.size:
            raise ModelError.at(path, f"{piece.size:,} bytes", f"{read:,}", field=name, hint="cut short")
        if masked_crc32c(memory) != piece.checksum:
            raise ModelError.at(path, "numbers that fit their checksum", field=name, hint="damaged")
        return storage.view(dtype).reshape(piece.shape)

    def _name(self, key: bytes) -> str:
        name = key.decode("utf-8", "replace")
        if name.encode() != key or not name.isprintable() or len(name) > _NAME_LIMIT:
            raise ModelError.at(
                self.index, f"printable names of at most {_NAME_LIMIT:,} characters", repr(key)
            )
        return name

    def _entry(self, name: str, value: bytes, slices: dict[bytes, bytes], shards: int) -> BundleEntry:
        """The entry of a tensor; takes what belongs to it out of ``slices``."""
        record = Record.parse(value, self.index, name)
        dtype = TYPES.get(record.number)
        if not record.slices:
            return BundleEntry(dtype, record.shape, (self._piece(name, record, 0, shards),))
        axis = axis_of(record.slices, record.shape, self.index, name)
        pieces = []
        for part in record.slices:
            bounds = part.bounds(record.shape)
            found = slices.pop(part.key(name), None)
            if found is None:
                raise ModelError.at(self.index, "a record for each slice", "none", field=name)
            own = Record.parse(found, self.index, name)
            shape = tuple(length for _, length in bounds)
            if own.number != record.number or own.shape != shape or own.slices:
                raise ModelError.at(self.index, f"a slice of {list(shape)}", list(own.shape), field=name)
            pieces.append(self._piece(name, own, bounds[axis][0], shards))
        return BundleEntry(dtype, record.shape, tuple(pieces), axis)

    def _piece(self, name: str, record: Record, start: int, shards: int) -> Piece:
        if record.shard >= shards:
            raise ModelError.at(self.index, f"data files 0 to {shards - 1}", record.shard, field=name)
        return Piece(start, record.shape, record.shard, record.offset, record.size, record.checksum)

    def _require_filled(self, shard: int, file: Path) -> None:
        """The tensors of one data file must lie side by side, from its first byte to its last."""
        found = [
            (piece.offset, piece.size, name)
            for name, entry in self.entries.items()
            for piece in entry.pieces
            if piece.shard == shard and piece.size
        ]
        position = 0
        for offset, size, name in sorted(found):
            if offset < position or offset - position >= _GAP:
                kind = "overlaps the one before" if offset < position else "leaves a hole before it"
                raise ModelError.at(self.index, "tensors one after the other", kind, field=name)
            position = offset + size
        length = file.stat().st_size
        if length < position or length - position >= _GAP:
            expected = f"{position:,} bytes of numbers"
            raise ModelError.at(file, expected, f"{length:,}", hint="cut short or appended to")
