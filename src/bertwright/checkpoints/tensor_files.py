"""Several safetensors files as one set of tensors, each read straight to where it is wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor

from bertwright.checkpoints.places import Place, Take, all_finite, copied, require_fit
from bertwright.checkpoints.tensor_file import TensorEntry, open_tensors
from bertwright.errors import ModelError
from bertwright.model.host_memory import claim

_CHUNK = 1 << 18
"""Numbers that are read and looked at before the next: as float32 they stay in the processor's cache."""


class TensorFiles(Mapping[str, Tensor]):
    """The tensors of one model: names to tensors, read from their file when they are asked for.

    All headers are checked here. The numbers are copied into memory of our own, so files that change later
    cannot change a model. To be used as a context: files are open until its end.

    Raises:
        ModelError: as :func:`~bertwright.checkpoints.tensor_file.read_tensors`, or a tensor in two files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._entries: dict[str, tuple[int, TensorEntry]] = {}
        self._paths = list(paths)
        self._files: list[tuple[int, int]] = []  # descriptor, place of the first number
        try:
            for number, path in enumerate(paths):
                descriptor, start, entries = open_tensors(path)
                self._files.append((descriptor, start))
                for name, entry in entries.items():
                    if name in self._entries:
                        raise ModelError.at(path, "each tensor in one file only", name)
                    self._entries[name] = (number, entry)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> TensorFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        while self._files:
            os.close(self._files.pop()[0])

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> Tensor:
        _, entry = self._entries[name]
        tensor = torch.empty(entry.shape, dtype=entry.dtype)
        self._read(name, tensor.view(-1), 0)
        return tensor

    def take(self, name: str, out: Tensor) -> tuple[Place, bool]:
        """Read a tensor into ``out``: a :data:`~bertwright.checkpoints.places.Take`.

        Raises:
            ModelError: another shape, no floating-point numbers, or the file was cut meanwhile.
        """
        number, entry = self._entries[name]
        place = Place(name, entry.dtype, entry.shape)
        require_fit(self._paths[number], place, tuple(out.shape))
        flat, finite = out.view(-1), True
        between = torch.empty(0 if entry.dtype is torch.float32 else _CHUNK, dtype=entry.dtype)
        for begin in range(0, flat.numel(), _CHUNK):
            part = flat[begin : begin + _CHUNK]
            claim(part)
            if entry.dtype is torch.float32:
                self._read(name, part, begin)
            else:
                self._read(name, between[: part.numel()], begin)
                part.copy_(between[: part.numel()])
            finite = finite and all_finite(part)
        return place, finite

    def _read(self, name: str, out: Tensor, begin: int) -> None:
        """Fill ``out``, one axis, from the tensor's number ``begin`` on."""
        number, entry = self._entries[name]
        descriptor, start = self._files[number]
        place = start + entry.begin + begin * entry.dtype.itemsize
        memory = out.view(torch.uint8).numpy().data
        while memory:
            count = os.preadv(descriptor, [memory], place)
            if count == 0:
                expected = f"{entry.end - entry.begin:,} bytes"
                raise ModelError.at(self._paths[number], expected, "the end", field=f"tensor {name}")
            memory, place = memory[count:], place + count


def take_from(tensors: Mapping[str, Tensor], source: str | Path) -> Take:
    """How to take from ``tensors``: straight from the files where it is of this class."""
    return tensors.take if isinstance(tensors, TensorFiles) else copied(tensors.__getitem__, source)
