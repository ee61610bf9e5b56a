"""What a checkpoint's table says of a tensor (``BundleEntryProto``) and of all (``BundleHeaderProto``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch

from bertwright.checkpoints.shapes import MOST_AXES, SIZE_LIMIT, is_countable
from bertwright.checkpoints.tensorflow.slices import Slice
from bertwright.checkpoints.tensorflow.wire import (
    Message,
    bytes_field,
    bytes_fields,
    fixed32_field,
    number_field,
)
from bertwright.errors import ModelError

TYPES: Mapping[int, torch.dtype] = {
    1: torch.float32,
    2: torch.float64,
    3: torch.int32,
    9: torch.int64,
    14: torch.bfloat16,
    19: torch.float16,
}
"""``DataType`` numbers of types.proto, of those that networks are made of."""
NUMBERS = {dtype: number for number, dtype in TYPES.items()}

_HEADER = bytes_field(3, number_field(1, 1))
"""``VersionDef`` with ``producer: 1``, the only version there has been."""
_MOST_SHARDS = 1_000


@dataclass(frozen=True)
class Record:
    """One entry as it is stored: a tensor, a slice of one, or with ``slices`` a tensor that lies in them."""

    number: int
    """``DataType``; it may be one that :data:`TYPES` lacks."""
    shape: tuple[int, ...]
    shard: int = 0
    offset: int = 0
    size: int = 0
    checksum: int = 0
    slices: tuple[Slice, ...] = ()

    @classmethod
    def parse(cls, data: bytes, path: Path, name: str) -> Record:
        """The record in the value of a table.

        Raises:
            ModelError: no such message, a shape that is none, or a size that is not that of the shape.
        """
        message = Message(data, path)
        shape = _shape(message.message(2), path, name)
        record = cls(
            message.number(1),
            shape,
            message.number(3),
            message.number(4),
            message.number(5),
            message.number(6),
            tuple(Slice.parse(part, path) for part in message.messages(7)),
        )
        dtype = TYPES.get(record.number)
        if dtype is not None and not record.slices and prod(shape) * dtype.itemsize != record.size:
            expected = f"{prod(shape) * dtype.itemsize:,} bytes for the shape {list(shape)}"
            raise ModelError.at(path, expected, f"{record.size:,}", field=name)
        return record

    def encoded(self) -> bytes:
        """The value of a table that :meth:`parse` reads, to the byte what TensorFlow writes."""
        sizes = bytes_fields(2, (number_field(1, size) for size in self.shape))
        return b"".join(
            [
                number_field(1, self.number),
                bytes_field(2, sizes),
                number_field(3, self.shard),
                number_field(4, self.offset),
                number_field(5, self.size),
                fixed32_field(6, self.checksum),
                bytes_fields(7, (part.encoded() for part in self.slices)),
            ]
        )


def header(shards: int = 1) -> bytes:
    """The value of the empty key: how many data files there are."""
    return number_field(1, shards) + _HEADER


def parse_header(data: bytes, path: Path) -> int:
    """How many data files there are.

    Raises:
        ModelError: none or more than a thousand, big-endian numbers, or a format that came later.
    """
    message = Message(data, path)
    shards = message.number(1)
    if not 1 <= shards <= _MOST_SHARDS or message.number(2) != 0:
        got = f"{shards:,} files" + (", big-endian" if message.number(2) else "")
        raise ModelError.at(path, f"a little-endian checkpoint of 1 to {_MOST_SHARDS:,} data files", got)
    least = message.message(3).number(2)
    if least > 1:
        raise ModelError.at(path, "version 1 of the format", f"one for readers of version {least} on")
    return shards


def _shape(message: Message, path: Path, name: str) -> tuple[int, ...]:
    shape = tuple(Message(axis, path).number(1) for axis in message.messages(2))
    if len(shape) > MOST_AXES or 3 in message or not all(size < SIZE_LIMIT for size in shape):
        got = "an unknown one" if 3 in message else str(list(shape))
        raise ModelError.at(path, f"a shape of at most {MOST_AXES} sizes", got, field=name)
    if not is_countable(shape):
        raise ModelError.at(path, "a shape of fewer than 2^63 numbers", str(list(shape)), field=name)
    return shape
