"""Partitioned variables: a tensor that lies in slices along one axis, each under a key of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bertwright.checkpoints.tensorflow.wire import Message, bytes_fields, number_field, varint
from bertwright.errors import ModelError

SLICE_MARK = b"\0"
"""First byte of every slice's key; the name of a tensor never begins with it."""

_WHOLE = -1


@dataclass(frozen=True)
class Slice:
    """A part of a tensor: of each axis the start and the length, which is -1 where all of it is taken."""

    extents: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, data: bytes, path: Path) -> Slice:
        """The slice in a ``TensorSliceProto``."""
        extents = [Message(extent, path) for extent in Message(data, path).messages(1)]
        return cls(tuple((extent.number(1), _length(extent)) for extent in extents))

    def encoded(self) -> bytes:
        """The ``TensorSliceProto`` that :meth:`parse` reads."""
        return bytes_fields(1, (_extent(start, length) for start, length in self.extents))

    def bounds(self, shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """Start and length along each axis of a tensor of this shape."""
        pairs = zip(self.extents, shape, strict=True)
        return tuple((start, size if length == _WHOLE else length) for (start, length), size in pairs)

    def key(self, name: str) -> bytes:
        """Where the slice's own record is: an encoding that sorts by name, then by place."""
        numbers = b"".join(ordered_code(number) for extent in self.extents for number in extent)
        count = bytes([1, len(self.extents)]) if self.extents else b"\0"
        return SLICE_MARK + name.encode() + b"\0\1" + count + numbers


def axis_of(slices: Sequence[Slice], shape: tuple[int, ...], path: Path, name: str) -> int:
    """The axis that ``slices`` cut a tensor of this shape along; they must cover it once.

    Raises:
        ModelError: another number of axes, cuts along several, a hole or an overlap.
    """
    bounds = []
    for part in slices:
        if len(part.extents) != len(shape):
            raise ModelError.at(path, f"slices of {len(shape)} axes", len(part.extents), field=name)
        bounds.append(part.bounds(shape))
    whole = tuple((0, size) for size in shape)
    cut = {axis for place in bounds for axis, extent in enumerate(place) if extent != whole[axis]}
    if len(cut) > 1 or not shape:
        raise ModelError.at(path, "slices along one axis", f"{len(cut)} axes", field=name)
    axis = cut.pop() if cut else 0
    position = 0
    for start, length in sorted(place[axis] for place in bounds):
        if start != position:
            kind = "an overlap" if start < position else "a hole"
            raise ModelError.at(path, "slices side by side", f"{kind} at {start:,}", field=name)
        position += length
    if position != shape[axis]:
        raise ModelError.at(path, f"slices up to {shape[axis]:,}", f"up to {position:,}", field=name)
    return axis


def ordered_code(number: int) -> bytes:
    """A number so that its bytes sort as it does (``OrderedCode::WriteSignedNumIncreasing``).

    The first bits say how many bytes there are: as many ones as bytes, then a zero; of a negative number all
    bits are turned.
    """
    count = (~number if number < 0 else number).bit_length() // 7 + 1
    mark = ((1 << count) - 1) << (7 * count)
    return ((number ^ mark) & ((1 << 8 * count) - 1)).to_bytes(count, "big")


def _extent(start: int, length: int) -> bytes:
    """An ``Extent``: its length is stored even where it is 0, and only not where all of an axis is taken."""
    return number_field(1, start) + (b"" if length == _WHOLE else varint(2 << 3) + varint(length))


def _length(extent: Message) -> int:
    return extent.number(2) if 2 in extent else _WHOLE
