"""Files of vectors: NumPy, Parquet, JSON lines.

Axes: N vectors, H numbers each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from bertwright import durable
from bertwright.errors import UsageError

Blocks = Iterable[NDArray[np.float32]]


def check_format(path: Path) -> None:
    """Refuse a file name that says no format of vectors.

    Raises:
        UsageError: it ends neither in ``.npy`` nor in ``.parquet`` nor in ``.jsonl``.
    """
    check_suffix(path, _WRITERS)


def check_suffix(path: Path, known: Collection[str]) -> None:
    """Refuse a file name that ends in none of the ``known`` suffixes.

    Raises:
        UsageError: naming them.
    """
    if path.suffix.lower() not in known:
        raise UsageError.at(path, f"a name ending in {', '.join(known)}", path.suffix or path.name)


def write_vectors(path: Path, blocks: Blocks, shape: tuple[int, int], *, overwrite: bool = False) -> None:
    """Write vectors, a block at a time.

    * ``.npy``: one float32 array (N, H).
    * ``.parquet``: columns ``row`` (int64, from 0) and ``vector`` (fixed_size_list<float>[H]).
    * ``.jsonl``: ``{"row": 0, "vector": [...]}`` a line, each number with the digits that float32 needs.

    Args:
        path: its suffix chooses the format.
        blocks: float32 (n, H), together N rows.
        shape: (N, H).

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
        DiskError: the file system refused; nothing is left behind.
    """
    check_format(path)
    rows, dimensions = shape
    durable.check_free_space(path, rows * dimensions * 4)
    with durable.open_new(path, overwrite=overwrite) as file:
        _WRITERS[path.suffix.lower()](file, blocks, shape)


def write_npy(file: BinaryIO, blocks: Blocks, shape: tuple[int, ...]) -> None:
    """Write one float32 array of this ``shape``, made of ``blocks`` of its rows."""
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    write_numbers(file, blocks)


def write_numbers(file: BinaryIO, blocks: Blocks) -> None:
    """Write float32, the lowest byte first, row by row."""
    for block in blocks:
        file.write(np.ascontiguousarray(block, "<f4").data)


def _write_parquet(file: BinaryIO, blocks: Blocks, shape: tuple[int, int]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    vector = pa.list_(pa.float32(), shape[1])
    schema = pa.schema([("row", pa.int64()), ("vector", vector)])
    start = 0
    with pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=False) as writer:
        for block in blocks:
            numbers = pa.array(np.arange(start, start + len(block)))
            values = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), type=vector)
            writer.write_table(pa.Table.from_arrays([numbers, values], schema=schema))
            start += len(block)


def _write_jsonl(file: BinaryIO, blocks: Blocks, _shape: tuple[int, int]) -> None:
    start = 0
    for block in blocks:
        digits = block.astype(str)  # the shortest text that gives the same float32
        lines = (
            f'{{"row": {number}, "vector": [{", ".join(row)}]}}\n'
            for number, row in enumerate(digits.tolist(), start)
        )
        file.write("".join(lines).encode())
        start += len(block)


_WRITERS: dict[str, Callable[[BinaryIO, Blocks, tuple[int, int]], None]] = {
    ".npy": write_npy,
    ".parquet": _write_parquet,
    ".jsonl": _write_jsonl,
}
