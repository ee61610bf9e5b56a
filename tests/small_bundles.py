"""TensorFlow checkpoints made for a test: one that TensorFlow wrote, and any that someone hostile could."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bertwright.checkpoints.tensorflow.checksum import masked_crc32c
from bertwright.checkpoints.tensorflow.entries import Record, header
from bertwright.checkpoints.tensorflow.table import table_bytes
from bertwright.checkpoints.tensorflow.wire import Reader, varint

NAME = "x"

WRITTEN_BY_TENSORFLOW = {
    "x.data-00000-of-00003": (
        "9ce886bf62dc633f297bf5beda04953ed6fbb93e62a4af3ee2f3c53e0a0e0dbfb4d255be912f4b3f74c049bf"
    ),
    "x.data-00001-of-00003": (
        "605e2e3f803d543c30d09c3eb85a5abf11e33b3fa0ce65bec1bb463f570a0c3fd0578c3d29904b3f"
    ),
    "x.data-00002-of-00003": "fada443f8ed546bf945c3dbfee83503f90e9b7bdb0f9953d",
    "x.index": (
        "00000608031a020801000f150073707265616400010102808380830801120812020803120208032008282435201d8457"
        "0b041783828083080112081202080212020803180120102818350cc4b831000613686572652f30080112081202080212"
        "020801280835147018940501153108011208120208021202080218012810359dd4b22c05011532080112081202080212"
        "02080318022818350cd5e2a30006227370726561640801120812020805120208033a080a0210030a0210033a0a0a0408"
        "0310020a02100300000000010000000015850b1e000000000100000000c0f2a1b00001037400cf010000000001000000"
        "003b4fa7a8d40108e1010f0000000000000000000000000000000000000000000000000000000000000000000057fb80"
        "8b247547db"
    ),
}
"""By TensorFlow 2.21: ``here/0`` (2, 1), ``here/1`` (2, 2), ``here/2`` (2, 3), each in its own data file, and
``spread`` (5, 3), whose first three rows lie in the first file and the last two in the second."""


def by_tensorflow(folder: Path) -> Path:
    """The checkpoint of TensorFlow's, written to ``folder``; returns its prefix."""
    for name, content in WRITTEN_BY_TENSORFLOW.items():
        (folder / name).write_bytes(bytes.fromhex(content))
    return folder / NAME


def entry(data: bytes, *shape: int, number: int = 1, shard: int = 0, offset: int = 0) -> Record:
    """The record of a tensor with these bytes, which lie at ``offset``."""
    return Record(number, shape, shard, offset, len(data), masked_crc32c(data))


def write(folder: Path, records: Mapping[bytes, bytes], *data: bytes, block_size: int = 1 << 18) -> Path:
    """A checkpoint of these records (a header, where there is none) and data files; returns its prefix."""
    records = {b"": header(len(data)), **records}
    (folder / f"{NAME}.index").write_bytes(table_bytes(records.items(), block_size))
    for shard, content in enumerate(data):
        (folder / f"{NAME}.data-{shard:05d}-of-{len(data):05d}").write_bytes(content)
    return folder / NAME


def block_of(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The contents of a block with these entries."""
    table = table_bytes(pairs)
    return table[: Reader(table[-48:], Path("table")).varint() - 5]  # up to its trailer


def table_of_blocks(blocks: list[tuple[bytes, bytes, int]]) -> bytes:
    """A table of blocks that are given as they shall stand: key in the index, contents, compression."""
    file = bytearray()

    def append(block: bytes, kind: int) -> bytes:
        place = varint(len(file)) + varint(len(block))
        checked = block + bytes([kind])
        file.extend(checked + masked_crc32c(checked).to_bytes(4, "little"))
        return place

    places = [(key, append(block, kind)) for key, block, kind in blocks]
    empty = bytes(4) + (1).to_bytes(4, "little")
    footer = append(empty, 0)
    entries, restarts = bytearray(), []
    for key, place in places:
        restarts.append(len(entries))
        entries += bytes([0, len(key), len(place)]) + key + place
    numbers = [*restarts, len(restarts)]
    footer += append(bytes(entries) + b"".join(n.to_bytes(4, "little") for n in numbers), 0)
    return bytes(file + footer.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little"))
