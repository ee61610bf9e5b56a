"""A sorted table of keys and values in one file, as LevelDB and TensorFlow write it.

Blocks of entries follow each other, then an empty block of block names, the index block that says where each
block lies, and a footer of 48 bytes. In a block a key is stored as how many bytes it shares with the key
before it, and the rest; at the restart points, every 16 entries, it is whole. After each block come a byte
that names its compression and a checksum.

The reader accepts what the writers of TensorFlow make, and nothing beside it: every byte of the file belongs
to one block or the footer, and all keys ascend: no place is read twice, and none is left unread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from bertwright.checkpoints.tensorflow.checksum import masked_crc32c
from bertwright.checkpoints.tensorflow.snappy import decompress
from bertwright.checkpoints.tensorflow.wire import Reader, varint
from bertwright.errors import ModelError

TABLE_LIMIT = 2 << 20
"""Bytes of a file, of its blocks when open, and of its keys: forty times what BERT-large needs."""

_FOOTER = 48
_TRAILER = 5
_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_PLAIN, _SNAPPY = 0, 1
_BLOCK = 256 << 10
_RESTART_EVERY = 16

Pair = tuple[bytes, bytes]


def read_table(path: Path) -> list[Pair]:
    """The keys and values of a table, in its order.

    Raises:
        ModelError: it cannot be read, is longer than :data:`TABLE_LIMIT`, has another format, or is damaged.
    """
    try:
        with path.open("rb") as file:
            data = file.read(TABLE_LIMIT + 1)
    except OSError as problem:
        raise ModelError.at(path, "the index of a TensorFlow checkpoint", problem.strerror) from None
    if len(data) > TABLE_LIMIT:
        raise ModelError.at(path, f"an index of at most {TABLE_LIMIT:,} bytes", "a longer file")
    if len(data) < _FOOTER or data[-8:] != _MAGIC:
        raise ModelError.at(path, "the index of a TensorFlow checkpoint", "another format or a cut file")
    return _Table(data, path).pairs()


def table_bytes(pairs: Iterable[Pair], block_size: int = _BLOCK) -> bytes:
    """A table of ``pairs``, uncompressed: to the byte what TensorFlow writes.

    Args:
        pairs: keys ascending, each once.
        block_size: bytes after which a block is closed.
    """
    file, index, block = bytearray(), _Block(every=1), _Block(_RESTART_EVERY)
    for key, value in pairs:
        if block.count and block.size >= block_size:
            index.add(_separator(block.last, key), _append(file, block))
            block = _Block(_RESTART_EVERY)
        block.add(key, value)
    if block.count:
        index.add(_successor(block.last), _append(file, block))
    footer = _append(file, _Block(_RESTART_EVERY)) + _append(file, index)
    return bytes(file + footer.ljust(_FOOTER - len(_MAGIC), b"\0") + _MAGIC)


class _Table:
    """The blocks of a table that is in memory, read from the first to the last."""

    def __init__(self, data: bytes, path: Path) -> None:
        self._data, self._path = data, path
        self._position = 0
        """Where the next block must begin."""
        self._room = TABLE_LIMIT
        """Bytes that the blocks still to come may have when open."""

    def pairs(self) -> list[Pair]:
        footer = Reader(self._data[-_FOOTER : -len(_MAGIC)], self._path)
        names, index = _place(footer), _place(footer)
        if any(footer.take(_FOOTER - len(_MAGIC) - footer.position)):
            self._refuse("zeros after the two places in the footer", "something else")
        found: list[Pair] = []
        bound: bytes | None = None
        for key, handle in self._entries(self._opened(*index)):
            place = Reader(handle, self._path)
            block = list(self._entries(self._next(*_place(place))))
            in_order = block and block[-1][0] <= key and (bound is None or bound < block[0][0])
            if not in_order or not place.done():
                self._refuse("keys in order, block after block", repr(key))
            found += block
            bound = key
        if self._next(*names) != _Block(_RESTART_EVERY).finished():
            self._refuse("an empty block of names", "entries")
        if self._next(*index) and self._position != len(self._data) - _FOOTER:
            self._refuse("blocks one after the other, up to the footer", f"an end at {self._position:,}")
        return found

    def _next(self, offset: int, size: int) -> bytes:
        """The block of that place, which must be the next one of the file."""
        if offset != self._position:
            self._refuse(f"the next block at {self._position:,}", f"{offset:,}")
        self._position = offset + size + _TRAILER
        return self._opened(offset, size)

    def _opened(self, offset: int, size: int) -> bytes:
        """A block's contents, its checksum compared."""
        end = offset + size
        if end + _TRAILER > len(self._data) - _FOOTER:
            self._refuse("blocks inside the file", f"a block at {offset:,} of {size:,} bytes")
        stored = int.from_bytes(self._data[end + 1 : end + _TRAILER], "little")
        if masked_crc32c(self._data[offset : end + 1]) != stored:
            self._refuse("blocks that fit their checksum", f"block at {offset:,}", "damaged")
        kind, block = self._data[end], self._data[offset:end]
        if kind not in (_PLAIN, _SNAPPY):
            self._refuse("blocks that are plain or compressed by snappy", f"compression {kind}")
        if kind == _SNAPPY:
            block = decompress(block, self._room, self._path)
        self._room -= len(block)
        if self._room < 0:
            self._refuse(f"blocks of at most {TABLE_LIMIT:,} bytes in all", "more")
        return block

    def _entries(self, block: bytes) -> Iterator[Pair]:
        """Keys and values of a block, in order."""
        restarts, end = self._restarts(block)
        reader, key, whole, room = Reader(block[:end], self._path), b"", {0}, TABLE_LIMIT
        while not reader.done():
            start = reader.position
            shared, fresh, length = reader.varint(), reader.varint(), reader.varint()
            if shared > len(key):
                self._refuse("keys that extend the one before", f"{shared:,} bytes of it")
            if shared == 0:
                whole.add(start)
            room -= shared + fresh
            if room < 0:  # long keys that share all but a byte would grow far beyond the file
                self._refuse(f"keys of at most {TABLE_LIMIT:,} bytes in all", "more")
            previous, key = key, key[:shared] + reader.take(fresh)
            if start and previous >= key:
                self._refuse("keys in order, each once", repr(key))
            yield key, reader.take(length)
        if not set(restarts) <= whole:
            self._refuse("restart points where a key is whole", "others", "damaged")

    def _restarts(self, block: bytes) -> tuple[list[int], int]:
        """The restart points at the end of a block, and where they begin."""
        count = int.from_bytes(block[-4:], "little")
        end = len(block) - 4 - 4 * count
        if len(block) < 8 or count == 0 or end < 0:
            self._refuse("a block with its restart points", f"{count:,} of them", "damaged")
        points = [int.from_bytes(block[at : at + 4], "little") for at in range(end, len(block) - 4, 4)]
        if points[0] != 0 or points != sorted(set(points)):
            self._refuse("restart points in order, from 0", "others", "damaged")
        return points, end

    def _refuse(self, expected: str, got: str, hint: str | None = None) -> NoReturn:
        raise ModelError.at(self._path, expected, got, hint=hint)


class _Block:
    """A block that is being written; every so many keys are whole."""

    def __init__(self, every: int) -> None:
        self._every, self.count = every, 0
        self._body = bytearray()
        self._restarts = [0]
        self.last = b""
        """The key added last."""

    @property
    def size(self) -> int:
        """Bytes it has when finished."""
        return len(self._body) + 4 * len(self._restarts) + 4

    def add(self, key: bytes, value: bytes) -> None:
        """Append an entry; ``key`` comes after :attr:`last`."""
        shared = _shared(self.last, key)
        if self.count and self.count % self._every == 0:
            self._restarts.append(len(self._body))
            shared = 0
        self._body += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        self.last = key
        self.count += 1

    def finished(self) -> bytes:
        """Its bytes."""
        numbers = [*self._restarts, len(self._restarts)]
        return bytes(self._body) + b"".join(number.to_bytes(4, "little") for number in numbers)


def _append(file: bytearray, block: _Block) -> bytes:
    """Append a block with its trailer; returns its handle, the offset and size as they are stored."""
    checked = block.finished() + bytes([_PLAIN])
    handle = varint(len(file)) + varint(len(checked) - 1)
    file += checked + masked_crc32c(checked).to_bytes(4, "little")
    return handle


def _place(reader: Reader) -> tuple[int, int]:
    """Offset and size of a block."""
    return reader.varint(), reader.varint()


def _shared(first: bytes, second: bytes) -> int:
    """How many bytes both begin with."""
    pairs = zip(first, second, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _separator(last: bytes, following: bytes) -> bytes:
    """A short key from ``last`` up to, but not including, ``following``."""
    at = _shared(last, following)
    if at < min(len(last), len(following)) and last[at] + 1 < following[at]:
        return last[:at] + bytes([last[at] + 1])
    return last


def _successor(last: bytes) -> bytes:
    """A short key not below ``last``."""
    for at, byte in enumerate(last):
        if byte != 0xFF:
            return last[:at] + bytes([byte + 1])
    return last
