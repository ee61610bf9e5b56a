"""Vectors of every piece or word of a file: streamed, in order, resumable."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bertwright import durable, strict_json
from bertwright.errors import ModelError, TableError, UsageError
from bertwright.export.folder import OnnxFolder
from bertwright.features.hidden_states import hidden_states
from bertwright.features.piece_rows import FeatureInput, piece_row
from bertwright.inference.blocks import BlockAnswer, Blocks, check_count, check_input, require_beside
from bertwright.inference.embedding import sequence_length
from bertwright.inference.feature_formats import (
    WRITERS,
    FeatureBlock,
    check_format,
    has_index_file,
    index_path,
)
from bertwright.inference.feature_request import FeatureRequest
from bertwright.inference.feature_rows import read_rows
from bertwright.inference.stages import Inner
from bertwright.progress import Progress, Silent

if TYPE_CHECKING:
    from bertwright.inference.model import Model

MAX_ROWS_PER_BLOCK = 2048
BLOCK_BYTES = 256 << 20
"""Vectors of a block at most, if all of its rows are as long as they may be."""


@dataclass(frozen=True)
class FeaturesSummary:
    """What was written."""

    rows: int
    vectors: int
    dimensions: tuple[int, ...]
    """Of one vector: one number, or layers and hidden size."""
    layers: tuple[int, ...]
    """As they were asked for."""
    truncated: int
    seconds: float
    """Of all processes that worked on it."""
    output: Path
    index: Path | None
    """The file with the index; None where the output has it inside."""

    def to_dict(self) -> dict[str, Any]:
        """As ``features --json`` prints it."""
        return {
            "rows": self.rows,
            "vectors": self.vectors,
            "dimensions": self.dimensions[0] if len(self.dimensions) == 1 else list(self.dimensions),
            "layers": list(self.layers),
            "truncated": self.truncated,
            "seconds": round(self.seconds, 3),
            "output": str(self.output),
            "index": None if self.index is None else str(self.index),
        }


def features_file(
    model: Model,
    file: Path,
    output: Path,
    request: FeatureRequest,
    *,
    text: str | None = None,
    text_pair: str | None = None,
    max_length: int | None = None,
    rows_per_block: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> FeaturesSummary:
    """Write the vectors that ``request`` wants of every row of ``file``.

    Args:
        file: see :func:`bertwright.inference.feature_rows.read_rows`.
        output: ``.npy``, ``.safetensors``, ``.parquet`` or ``.jsonl``.
        text, text_pair: columns of a table.
        max_length: longer rows are cut to so many pieces; None for what the network can see.
        rows_per_block: rows between two points to resume from; by default as many as 256 MiB may need.
        resume: go on with the unfinished work of an earlier call with the same arguments.
        overwrite: replace ``output``.

    Raises:
        InputError: the file, the output, the model or an argument is wrong; nothing was written.
        RunError: it failed on the way; ``resume`` goes on from the last finished block.
    """
    started, watch = time.monotonic(), progress or Silent()
    if isinstance(model.folder, OnnxFolder):
        expected, hint = "a model with weights, to see its layers", "ask the model that it was made of"
        raise ModelError.at(model.folder.path, expected, "one in ONNX", hint=hint)
    longest = sequence_length(max_length, model.config.max_position_embeddings)
    shape = request.shape(model.config.hidden_size)
    replace_index = _check(request, file, output, overwrite)
    count = sum(1 for _ in read_rows(file, text, text_pair))  # what is wrong with it shows before the work
    if not count:
        raise TableError.at(file, "at least one row", "none")
    size = rows_per_block or _rows_per_block(
        longest, len(request.selection.layers) * model.config.hidden_size
    )
    source = {"model": model.digest, "file": durable.fingerprint(file), "text": text, "text_pair": text_pair}
    asked: dict[str, Any] = {
        "layers": list(request.selection.names),
        "pooling": request.pooling,
        "align": request.align,
    }
    asked |= {"word_pooling": request.word_pooling, "combine": request.combine, "max_length": longest}
    blocks = Blocks(output, source | asked, size)
    with blocks.open(resume=resume, overwrite=overwrite):
        watch.start("extracting features", count, "rows")
        answer = _Answer(model, request, longest)
        blocks.fill(read_rows(file, text, text_pair), answer, watch)
        watch.finish()
        check_count(file, count, blocks.rows)
        summary = FeaturesSummary(
            rows=blocks.rows,
            vectors=blocks.total("vectors"),
            dimensions=shape,
            layers=request.selection.names,
            truncated=blocks.total("truncated"),
            seconds=0.0,
            output=output,
            index=index_path(output) if has_index_file(output) else None,
        )
        _put_together(blocks, summary, overwrite, replace_index)
    return replace(summary, seconds=time.monotonic() - started + blocks.earlier_seconds)


@dataclass(frozen=True)
class _Answer:
    """Blocks of rows to their vectors and index."""

    model: Model
    request: FeatureRequest
    max_length: int

    def __call__(self, start: int, rows: list[FeatureInput], told: Progress) -> BlockAnswer:
        request, layers = self.request, self.request.selection.layers
        pieces = [piece_row(row, self.model.tokenizer, self.max_length) for row in rows]
        states = hidden_states(self.model.encoder, pieces, layers, progress=Inner.of(told))
        found = [request.vectors(state, row) for state, row in zip(states, pieces, strict=True)]
        index = [
            {"row": number, "length": len(vectors), **request.index(row)}
            for number, (vectors, row) in enumerate(zip(found, pieces, strict=True), start)
        ]
        lines = "".join(strict_json.dump(entry) + "\n" for entry in index).encode()
        counts = {"vectors": sum(map(len, found)), "truncated": sum(row.truncated for row in pieces)}
        return BlockAnswer({"f32": b"".join(v.tobytes() for v in found), "index": lines}, counts)


def _check(request: FeatureRequest, file: Path, output: Path, overwrite: bool) -> bool:
    """Whether an index that is there may be replaced."""
    request.check()
    check_format(output)
    whole = request.pooling != "none" or request.align != "pieces" or request.combine != "none"
    if output.suffix.lower() == ".jsonl" and whole:
        expected = "every layer of every piece for a .jsonl, which is the original's format"
        raise UsageError.at(output, expected, hint="leave out --pooling, --align and --combine")
    check_input(file, output)
    return require_beside(index_path(output), output, overwrite) if has_index_file(output) else overwrite


def _rows_per_block(length: int, numbers: int) -> int:
    return max(1, min(MAX_ROWS_PER_BLOCK, BLOCK_BYTES // (length * numbers * 4)))


def _put_together(blocks: Blocks, summary: FeaturesSummary, overwrite: bool, replace_index: bool) -> None:
    """The index first: where the vectors are, their index is, too."""
    output, shape = summary.output, (summary.vectors, *summary.dimensions)
    durable.check_free_space(output, 4 * prod(shape))
    if summary.index is not None:
        with durable.open_new(summary.index, overwrite=replace_index) as index:
            for block in _read(blocks, summary.dimensions):
                index.write("".join(strict_json.dump(entry) + "\n" for entry in block.index).encode())
    with durable.open_new(output, overwrite=overwrite) as file:
        WRITERS[output.suffix.lower()](file, _read(blocks, summary.dimensions), shape, summary.layers)


def _read(blocks: Blocks, dimensions: tuple[int, ...]) -> Iterator[FeatureBlock]:
    start = 0
    for data, lines in zip(blocks.read("f32"), blocks.read("index"), strict=True):
        index = []
        for line in lines.splitlines():
            entry = json.loads(line)
            index.append({"row": entry.pop("row"), "start": start, **entry})
            start += entry["length"]
        yield FeatureBlock(np.frombuffer(data, np.float32).reshape(-1, *dimensions), index)
