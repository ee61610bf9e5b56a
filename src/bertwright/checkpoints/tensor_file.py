"""Tensors in a safetensors file: 8 bytes of length, a JSON header, the raw numbers.

The header is checked whole before anything is allocated. The numbers are copied into memory of our own, so a
file that changes later cannot change a model.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from io import BufferedReader
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bertwright import strict_json
from bertwright.checkpoints.magic import refuse_foreign_format
from bertwright.checkpoints.shapes import MOST_AXES, SIZE_LIMIT, is_countable
from bertwright.errors import ModelError, shown_path

HEADER_LIMIT = 10 << 20
TENSOR_LIMIT = 100_000
NAME_LIMIT = 1_000
_ALIGNMENT = 8

_TYPES: Mapping[str, torch.dtype] = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}
_CODES = {dtype: code for code, dtype in _TYPES.items()}


@dataclass(frozen=True)
class TensorEntry:
    """Where one tensor lies: ``begin`` and ``end`` are bytes counted from the end of the header."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


class Directory(Protocol):
    """Where :func:`write_tensors` writes; :class:`bertwright.durable.NewDirectory` is one."""

    def open(self, name: str) -> BinaryIO:
        """A new file called ``name``."""


def read_tensors(path: str | Path, names: Collection[str] | None = None) -> dict[str, Tensor]:
    """The tensors of a safetensors file, in its order, copied to the CPU.

    Args:
        names: read only these; all when None.

    Raises:
        ModelError: nothing there, another format (pickles are named as such and never opened), or a header
            that breaks a rule: too long, no JSON, a name twice, an unknown dtype, holes, overlaps, lengths.
    """
    path = Path(path)
    with _opened(path) as file:
        start, entries, _ = _read_header(file, path)
        tensors = {}
        for name, entry in entries.items():
            if names is None or name in names:
                file.seek(start + entry.begin)
                tensors[name] = _read_tensor(file, entry, path, name)
    return tensors


def read_entries(path: str | Path) -> tuple[dict[str, TensorEntry], dict[str, str]]:
    """The header alone: tensor entries and metadata. Raises as :func:`read_tensors`."""
    path = Path(path)
    with _opened(path) as file:
        _, entries, metadata = _read_header(file, path)
    return entries, metadata


def open_tensors(path: Path) -> tuple[int, int, dict[str, TensorEntry]]:
    """An open file: its descriptor (to be closed), the offset of the first number, the entries.

    Raises:
        ModelError: as :func:`read_tensors`.
    """
    with _opened(path) as file:
        start, entries, _ = _read_header(file, path)
        return os.dup(file.fileno()), start, entries


def write_tensors(
    directory: Directory, name: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write ``tensors`` as the new file ``name`` of ``directory``; the same tensors give the same bytes.

    Raises:
        DiskError: the file system refused.
        KeyError: a tensor has a dtype outside the format's.
    """
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for key, tensor in ordered:
        end = offset + tensor.numel() * tensor.element_size()
        header[key] = {
            "dtype": _CODES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % _ALIGNMENT)
    with directory.open(name) as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for _, tensor in ordered:
            file.write(raw_bytes(tensor.detach().cpu().contiguous()).data)


def raw_bytes(tensor: Tensor) -> NDArray[np.uint8]:
    """The memory of ``tensor``, byte by byte."""
    return tensor.reshape(-1).view(torch.uint8).numpy()


def digest_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 (hexadecimal) of names, shapes, dtypes and numbers, whatever their order."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(json.dumps([name, list(tensor.shape), str(tensor.dtype)]).encode())
        found.update(raw_bytes(tensor.detach().cpu().contiguous()).data)
    return found.hexdigest()


def _opened(path: Path) -> BufferedReader:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise ModelError.at(path, "a safetensors file", "nothing there") from None
    except OSError as problem:
        raise ModelError.at(path, "a readable safetensors file", problem.strerror) from None
    return file


def _read_header(file: BufferedReader, path: Path) -> tuple[int, dict[str, TensorEntry], dict[str, str]]:
    """Offset of the first number, entries, metadata; the file's size is accounted for to the byte."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(8)
    refuse_foreign_format(path, start + file.read(512))
    length = int.from_bytes(start, "little")
    if size < 8 or length > size - 8:
        raise ModelError.at(path, f"a header within the file's {size:,} bytes", f"length {length:,}")
    if length > HEADER_LIMIT:
        raise ModelError.at(path, f"a header of at most {HEADER_LIMIT:,} bytes", f"length {length:,}")
    file.seek(8)
    header = strict_json.parse(file.read(length), path, error=ModelError, max_bytes=HEADER_LIMIT)
    if not isinstance(header, dict):
        raise ModelError.at(path, "a JSON object as header", header)
    metadata = _metadata(header.pop("__metadata__", {}), path)
    if len(header) > TENSOR_LIMIT:
        raise ModelError.at(path, f"at most {TENSOR_LIMIT:,} tensors", len(header))
    entries = {name: _entry(name, value, path) for name, value in header.items()}
    _require_no_gaps(entries, size - 8 - length, path)
    return 8 + length, entries, metadata


def _metadata(value: Any, path: Path) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ModelError.at(path, "text for every key", value, field="__metadata__")
    return value


def _entry(name: str, value: Any, path: Path) -> TensorEntry:
    def refuse(expected: str, got: object) -> NoReturn:
        raise ModelError.at(path, expected, got, field=f"tensor {name[:60]}")

    if not name or len(name) > NAME_LIMIT or not name.isprintable() or ".." in name:
        raise ModelError.at(path, f"printable tensor names of at most {NAME_LIMIT} characters", name)
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        refuse("dtype, shape and data_offsets", value)
    dtype = _TYPES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if dtype is None:
        refuse("a dtype among " + ", ".join(_TYPES), value["dtype"])
    shape, offsets = value["shape"], value["data_offsets"]
    if not _is_sizes(shape) or len(shape) > MOST_AXES:
        refuse(f"a shape of at most {MOST_AXES} whole numbers", shape)
    if not is_countable(shape):
        refuse("a shape of fewer than 2^63 numbers", shape)
    if not _is_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        refuse("two data_offsets, begin <= end", offsets)
    needed = prod(shape) * dtype.itemsize
    if offsets[1] - offsets[0] != needed:
        refuse(f"{needed:,} bytes for shape {shape}", f"{offsets[1] - offsets[0]:,} bytes")
    return TensorEntry(dtype, tuple(shape), offsets[0], offsets[1])


def _is_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < SIZE_LIMIT for item in value)


def _require_no_gaps(entries: Mapping[str, TensorEntry], size: int, path: Path) -> None:
    """Tensors must fill the file exactly: no hole (where something else could hide), no overlap."""
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            kind = "overlaps the one before" if entry.begin < position else "leaves a hole before it"
            raise ModelError.at(path, "tensors one after the other", kind, field=f"tensor {name[:60]}")
        position = entry.end
    if position != size:
        raise ModelError.at(
            path, f"{position:,} bytes of numbers", f"{size:,}", hint="cut short or appended to"
        )


def _read_tensor(file: BufferedReader, entry: TensorEntry, path: Path, name: str) -> Tensor:
    count = entry.end - entry.begin
    storage = torch.empty(count, dtype=torch.uint8)
    read = file.readinto(storage.numpy().data) if count else 0
    if read != count:
        raise ModelError.at(path, f"{count:,} bytes", f"{read:,}", field=f"tensor {name}")
    return storage.view(entry.dtype).reshape(entry.shape)


def require_finite(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Refuse NaN and infinity.

    Raises:
        ModelError: naming the first such tensor, how many of its numbers are not finite, and how many other
            tensors have some.
    """
    bad = [
        (name, int(tensor.numel() - torch.isfinite(tensor).sum()))
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not torch.isfinite(tensor).all()
    ]
    if bad:
        name, count = bad[0]
        others = f"; {len(bad) - 1} other tensors too" if len(bad) > 1 else ""
        raise ModelError(f"{shown_path(path)}: tensor {name}: {count} of its numbers are not finite{others}")
