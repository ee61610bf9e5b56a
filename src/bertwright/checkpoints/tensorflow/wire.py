"""Varints, byte strings and protocol buffers: what the values of a checkpoint's table are made of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bertwright.errors import ModelError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types: how the value of a field is stored."""

_BITS = 64


class Reader:
    """Varints and byte strings, one after the other, never past the end; ``path`` is named in errors."""

    def __init__(self, data: bytes, path: Path) -> None:
        self._data, self._path, self.position = data, path, 0

    def done(self) -> bool:
        """Whether the end is reached."""
        return self.position >= len(self._data)

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes; :class:`ModelError` when there are fewer."""
        start = self.position
        if count > len(self._data) - start:
            raise ModelError.at(self._path, f"{count:,} more bytes", "the end", hint="cut short or damaged")
        self.position = start + count
        return self._data[start : start + count]

    def varint(self) -> int:
        """A number of 0 to 2**64 - 1, seven bits a byte, the lowest first, in as few bytes as it needs."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> _BITS or (byte == 0 and shift):
                    raise ModelError.at(self._path, "numbers of at most 64 bits, without leading zeros")
                return value
            shift += 7
            if shift >= 70:
                raise ModelError.at(self._path, "numbers of at most 64 bits", "a longer one")


class Message:
    """A protocol buffer: numbered fields, each a whole number or bytes. Of a repeated one the last counts.

    Raises:
        ModelError: bytes that are no message, or on access a field of another type than is asked for.
    """

    def __init__(self, data: bytes, path: Path) -> None:
        self._path = path
        self._fields: dict[int, list[int | bytes]] = {}
        reader = Reader(data, path)
        while not reader.done():
            key = reader.varint()
            self._fields.setdefault(key >> 3, []).append(_value(reader, key & 7, path))

    def __contains__(self, field: int) -> bool:
        return field in self._fields

    def number(self, field: int) -> int:
        """A whole number of 0 or more below 2**63; 0 where there is none."""
        value = self._fields.get(field, [0])[-1]
        if not isinstance(value, int) or value >> (_BITS - 1):
            raise ModelError.at(self._path, f"a number of 0 or more in field {field}", value, hint="damaged")
        return value

    def messages(self, field: int) -> list[bytes]:
        """All values of a field that holds bytes."""
        values = self._fields.get(field, [])
        found = [value for value in values if isinstance(value, bytes)]
        if len(found) != len(values):
            raise ModelError.at(self._path, f"bytes in field {field}", "a number", hint="damaged")
        return found

    def message(self, field: int) -> Message:
        """The message in a field; an empty one when it is absent."""
        return Message((self.messages(field) or [b""])[-1], self._path)


def varint(value: int) -> bytes:
    """``value`` (0 or more) in the bytes that :meth:`Reader.varint` reads."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def number_field(field: int, value: int) -> bytes:
    """A field with a whole number; nothing for 0, as protocol buffers leave out defaults."""
    return varint(field << 3 | VARINT) + varint(value) if value else b""


def fixed32_field(field: int, value: int) -> bytes:
    """A field with a number of four bytes; nothing for 0."""
    return varint(field << 3 | FIXED32) + value.to_bytes(4, "little") if value else b""


def bytes_field(field: int, value: bytes) -> bytes:
    """A field with bytes or a message, also an empty one."""
    return varint(field << 3 | BYTES) + varint(len(value)) + value


def bytes_fields(field: int, values: Iterable[bytes]) -> bytes:
    """A repeated field with bytes or messages."""
    return b"".join(bytes_field(field, value) for value in values)


def _value(reader: Reader, wire: int, path: Path) -> int | bytes:
    if wire == VARINT:
        return reader.varint()
    if wire == BYTES:
        return reader.take(reader.varint())
    if wire in (FIXED64, FIXED32):
        return int.from_bytes(reader.take(8 if wire == FIXED64 else 4), "little")
    raise ModelError.at(path, "protocol buffer fields", f"wire type {wire}", hint="damaged")
