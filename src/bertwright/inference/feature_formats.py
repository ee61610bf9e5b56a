"""Files of vectors with their index: NumPy, safetensors, Parquet, and the original's JSON lines.

Axes: V vectors in all, D numbers each or (n, H).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bertwright.inference.vectors import check_suffix, write_npy, write_numbers


@dataclass(frozen=True)
class FeatureBlock:
    """Some rows that follow each other."""

    vectors: NDArray[np.float32]
    """(v, ...) of all rows of the block."""
    index: list[dict[str, Any]]
    """Of each row: ``row``, ``start``, ``length``, and what its vectors stand for."""

    def rows(self) -> Iterator[tuple[dict[str, Any], NDArray[np.float32]]]:
        """Each row's index and vectors."""
        ends = np.cumsum([0, *(entry["length"] for entry in self.index)])
        for entry, (start, stop) in zip(self.index, pairwise(ends.tolist()), strict=True):
            yield entry, self.vectors[start:stop]


Blocks = Iterable[FeatureBlock]


def check_format(path: Path) -> None:
    """Refuse a file name that says no format of features.

    Raises:
        UsageError: it ends in none of the suffixes.
    """
    check_suffix(path, WRITERS)


def has_index_file(path: Path) -> bool:
    """Whether the format keeps its index in a file of its own."""
    return path.suffix.lower() in (".npy", ".safetensors")


def index_path(path: Path) -> Path:
    """``OUT.npy.index.jsonl`` beside ``OUT.npy``."""
    return path.with_name(path.name + ".index.jsonl")


def _write_npy(file: BinaryIO, blocks: Blocks, shape: tuple[int, ...], _layers: tuple[int, ...]) -> None:
    write_npy(file, (block.vectors for block in blocks), shape)


def _write_safetensors(
    file: BinaryIO, blocks: Blocks, shape: tuple[int, ...], layers: tuple[int, ...]
) -> None:
    header = {
        "__metadata__": {"layers": ",".join(map(str, layers))},
        "vectors": {"dtype": "F32", "shape": list(shape), "data_offsets": [0, 4 * prod(shape)]},
    }
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    file.write(len(encoded).to_bytes(8, "little") + encoded)
    write_numbers(file, (block.vectors for block in blocks))


def _write_parquet(file: BinaryIO, blocks: Blocks, shape: tuple[int, ...], layers: tuple[int, ...]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    vector = pa.list_(pa.float32(), prod(shape[1:]))
    fields = [("row", pa.int64()), ("tokens", pa.list_(pa.string())), ("starts", pa.list_(pa.int32()))]
    fields += [("ends", pa.list_(pa.int32())), ("segments", pa.list_(pa.int8())), ("truncated", pa.bool_())]
    told = {"layers": ",".join(map(str, layers)), "shape": ",".join(map(str, shape[1:]))}
    schema = pa.schema([*fields, ("vectors", pa.list_(vector))], metadata=told)
    with pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=False) as writer:
        for block in blocks:
            values = pa.FixedSizeListArray.from_arrays(pa.array(block.vectors.reshape(-1)), type=vector)
            ends = np.cumsum([0, *(entry["length"] for entry in block.index)]).astype(np.int32)
            lists = pa.ListArray.from_arrays(pa.array(ends), values)
            named = [[_cell(entry, name) for entry in block.index] for name, _ in fields]
            columns = [pa.array(cells, kind) for cells, (_, kind) in zip(named, fields, strict=True)]
            writer.write_table(pa.Table.from_arrays([*columns, lists], schema=schema))


def _cell(entry: dict[str, Any], name: str) -> Any:
    if name in ("starts", "ends"):
        spans = entry.get("offsets")
        place = ("starts", "ends").index(name)
        return None if spans is None else [None if span is None else span[place] for span in spans]
    return entry.get(name)


def _write_original(file: BinaryIO, blocks: Blocks, _shape: tuple[int, ...], layers: tuple[int, ...]) -> None:
    """As ``extract_features.py`` writes it, the misspelled key and six digits included."""
    for block in blocks:
        for entry, vectors in block.rows():
            apart = vectors.reshape(len(vectors), len(layers), -1)
            features = [
                {
                    "token": token,
                    "layers": [
                        {"index": layer, "values": [round(float(value), 6) for value in values]}
                        for layer, values in zip(layers, states, strict=True)
                    ],
                }
                for token, states in zip(entry["tokens"], apart, strict=True)
            ]
            line = json.dumps({"linex_index": entry["row"], "features": features}, ensure_ascii=False)
            file.write(line.encode() + b"\n")


WRITERS: dict[str, Callable[[BinaryIO, Blocks, tuple[int, ...], tuple[int, ...]], None]] = {
    ".npy": _write_npy,
    ".safetensors": _write_safetensors,
    ".parquet": _write_parquet,
    ".jsonl": _write_original,
}
"""Suffix -> writer of (file, blocks, shape of all vectors, names of the layers)."""
