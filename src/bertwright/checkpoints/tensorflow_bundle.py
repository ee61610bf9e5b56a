"""TensorFlow 1 checkpoints (``NAME.index`` and ``NAME.data-00000-of-00001``) without TensorFlow.

``.index`` is a sorted table as LevelDB writes it: blocks of prefix-compressed keys, an index block that
points to them, and a footer of 48 bytes. Each value is a small protocol buffer (``BundleEntryProto``) that
says where in ``.data`` a tensor lies. All checksums are verified.

Source: tensorflow/core/util/tensor_bundle, tensorflow/core/protobuf/tensor_bundle.proto, leveldb's
``doc/table_format.md``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from bertwright.checkpoints.checksum import masked_crc32c
from bertwright.errors import ModelError

_FOOTER = 48
_MAGIC = 0xDB4775248B80FB57
_INDEX_LIMIT = 64 << 20
_TYPES: Mapping[int, torch.dtype] = {
    1: torch.float32,
    2: torch.float64,
    3: torch.int32,
    9: torch.int64,
    14: torch.bfloat16,
    19: torch.float16,
}
"""``DataType`` numbers of types.proto."""


@dataclass(frozen=True)
class BundleEntry:
    """Where a tensor lies in the data file."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


class TensorBundle:
    """The tensors of one checkpoint; ``prefix`` is its path without ``.index``.

    Raises:
        ModelError: a file is missing, cut, damaged (checksum), or of a kind that BERT's code never wrote
            (partitioned variables, big-endian numbers, compressed blocks).
    """

    def __init__(self, prefix: str | Path) -> None:
        self.index = Path(f"{prefix}.index")
        items = dict(_Table(self.index).items())
        header = _fields(items.pop(b"", b""), self.index)
        self._shards = _number(header, 1)
        if not 1 <= self._shards <= 1000 or _number(header, 2) != 0:
            self._refuse("a little-endian checkpoint of 1 to 1000 data files", header)
        self._data = [
            self.index.with_name(f"{Path(prefix).name}.data-{number:05d}-of-{self._shards:05d}")
            for number in range(self._shards)
        ]
        self.entries = {_text(key, self.index): self._entry(key, value) for key, value in items.items()}

    def read(self, name: str) -> Tensor:
        """The tensor ``name``, its checksum verified; :class:`KeyError` when there is none of that name."""
        entry = self.entries[name]
        path = self._data[entry.shard]
        try:
            with path.open("rb") as file:
                left = max(0, os.fstat(file.fileno()).st_size - entry.offset)
                file.seek(entry.offset)
                data = bytearray(file.read(min(entry.size, left)))
        except OSError as problem:
            raise ModelError.at(path, "a readable data file", problem.strerror) from None
        if len(data) != entry.size:
            raise ModelError.at(path, f"{entry.size:,} bytes", f"{len(data):,}", field=name, hint="cut short")
        if masked_crc32c(data) != entry.checksum:
            raise ModelError.at(path, "numbers that fit their checksum", field=name, hint="damaged")
        if not data:
            return torch.empty(entry.shape, dtype=entry.dtype)
        return torch.frombuffer(data, dtype=entry.dtype).reshape(entry.shape)

    def _entry(self, key: bytes, value: bytes) -> BundleEntry:
        name = _text(key, self.index)
        fields = _fields(value, self.index)
        dtype = _TYPES.get(_number(fields, 1))
        if dtype is None or 7 in fields:
            self._refuse("an unpartitioned tensor of numbers", f"dtype {_number(fields, 1)}", name)
        dimensions = [_fields(item, self.index) for item in _messages(_message(fields, 2, self.index), 2)]
        entry = BundleEntry(
            dtype,
            tuple(_number(dimension, 1) for dimension in dimensions),
            _number(fields, 3),
            _number(fields, 4),
            _number(fields, 5),
            _number(fields, 6),
        )
        if entry.shard >= self._shards or prod(entry.shape) * dtype.itemsize != entry.size:
            self._refuse(f"{prod(entry.shape) * dtype.itemsize:,} bytes for {entry.shape}", entry.size, name)
        return entry

    def _refuse(self, expected: str, got: object, field: str | None = None) -> NoReturn:
        raise ModelError.at(self.index, expected, got, field=field)


class _Table:
    """The sorted table in a ``.index`` file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self.data = file.read(_INDEX_LIMIT + 1)
        except OSError as problem:
            raise ModelError.at(path, "the index of a TensorFlow checkpoint", problem.strerror) from None
        magic = int.from_bytes(self.data[-8:], "little")
        if not _FOOTER <= len(self.data) <= _INDEX_LIMIT or magic != _MAGIC:
            raise ModelError.at(path, "the index of a TensorFlow checkpoint", "another format or a cut file")

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys and values, in order."""
        footer = _Reader(self.data[-_FOOTER:-8], self.path)
        footer.varint()
        footer.varint()  # the meta-index block, always empty here
        index = self._block(footer.varint(), footer.varint())
        for _, handle in self._pairs(index):
            place = _Reader(handle, self.path)
            yield from self._pairs(self._block(place.varint(), place.varint()))

    def _block(self, offset: int, size: int) -> bytes:
        end = offset + size
        if end + 5 > len(self.data) - _FOOTER:
            raise ModelError.at(self.path, "blocks inside the file", f"a block at {offset}+{size}")
        if masked_crc32c(self.data[offset : end + 1]) != int.from_bytes(
            self.data[end + 1 : end + 5], "little"
        ):
            raise ModelError.at(
                self.path, "blocks that fit their checksum", f"block at {offset}", hint="damaged"
            )
        if self.data[end] != 0:
            raise ModelError.at(self.path, "an uncompressed table", f"compression {self.data[end]}")
        return self.data[offset:end]

    def _pairs(self, block: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries of a block: shared prefix, rest of the key, value. Restart points follow, unused."""
        restarts = int.from_bytes(block[-4:], "little")
        end = len(block) - 4 - 4 * restarts
        if len(block) < 4 or end < 0:
            raise ModelError.at(self.path, "a block with its restart points", f"{restarts} of them")
        reader, key = _Reader(block[:end], self.path), b""
        while not reader.done():
            shared, fresh, length = reader.varint(), reader.varint(), reader.varint()
            if shared > len(key):
                raise ModelError.at(self.path, "keys that extend the one before", shared)
            previous, key = key, key[:shared] + reader.take(fresh)
            if previous >= key and previous:
                raise ModelError.at(self.path, "keys in order, each once", repr(key))
            yield key, reader.take(length)


class _Reader:
    """Varints and byte strings, one after the other, never past the end."""

    def __init__(self, data: bytes, path: Path) -> None:
        self._data, self._path, self._position = data, path, 0

    def done(self) -> bool:
        return self._position >= len(self._data)

    def take(self, count: int) -> bytes:
        if count > len(self._data) - self._position:
            raise ModelError.at(self._path, f"{count} more bytes", "the end", hint="cut short or damaged")
        self._position += count
        return self._data[self._position - count : self._position]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ModelError.at(self._path, "numbers of at most 64 bits", "a longer one")


Fields = dict[int, list[int | bytes]]


def _fields(data: bytes, path: Path) -> Fields:
    """A protocol buffer message as field number -> values (integers, or bytes for nested messages)."""
    reader, fields = _Reader(data, path), Fields()
    while not reader.done():
        key = reader.varint()
        number, wire = key >> 3, key & 7
        value: int | bytes
        if wire == 0:
            value = reader.varint()
        elif wire == 2:
            value = reader.take(reader.varint())
        elif wire in (1, 5):
            value = int.from_bytes(reader.take(8 if wire == 1 else 4), "little")
        else:
            raise ModelError.at(path, "protocol buffer fields", f"wire type {wire}", hint="damaged")
        fields.setdefault(number, []).append(value)
    return fields


def _number(fields: Fields, number: int) -> int:
    value = fields.get(number, [0])[-1]
    return value if isinstance(value, int) else 0


def _message(fields: Fields, number: int, path: Path) -> Fields:
    value = fields.get(number, [b""])[-1]
    return _fields(value, path) if isinstance(value, bytes) else {}


def _messages(fields: Fields, number: int) -> list[bytes]:
    return [value for value in fields.get(number, []) if isinstance(value, bytes)]


def _text(key: bytes, path: Path) -> str:
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError:
        raise ModelError.at(path, "tensor names in UTF-8", repr(key)) from None
