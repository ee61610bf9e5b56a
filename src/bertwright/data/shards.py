"""Arrow files of documents: one row a document, ``list<list<uint16 | uint32>>`` = sentences of ids.

Where a segmenter found words, a second column has a bit for each token of the document, ``list<bool>``: does
a word begin at it. The files are plain Arrow IPC without compression, so that ids and bits are used where
they lie in the mapped file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bertwright.errors import StoreError, shown_path

COLUMN = "sentences"
WORDS_COLUMN = "word_starts"
UINT16_SIZE = 1 << 16
"""A vocabulary of up to so many tokens has ids of two bytes."""

Ids = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Segment:
    """Documents that lie together in memory.

    ``document_offsets`` (D+1,) count sentences, ``sentence_offsets`` (S+1,) count tokens; both start at 0.
    """

    ids: Ids
    sentence_offsets: Offsets
    document_offsets: Offsets
    word_starts: Bits | None = None
    """Where words were found: uint8 (ceil(tokens / 8),), a bit for each token, the lowest first."""


def id_type(vocab_size: int) -> np.dtype[Any]:
    """The smallest unsigned type that holds the ids of a vocabulary."""
    return np.dtype(np.uint16 if vocab_size <= UINT16_SIZE else np.uint32)


def schema(vocab_size: int, words: bool = False) -> pa.Schema:
    """The schema of a shard; ``words``: with the bits that say where words begin."""
    value = pa.uint16() if vocab_size <= UINT16_SIZE else pa.uint32()
    inner = pa.list_(pa.field("id", value, nullable=False))
    sentences = pa.list_(pa.field("sentence", inner, nullable=False))
    columns = [pa.field(COLUMN, sentences, nullable=False)]
    if words:
        starts = pa.list_(pa.field("starts", pa.bool_(), nullable=False))
        columns.append(pa.field(WORDS_COLUMN, starts, nullable=False))
    return pa.schema(columns)


class ShardWriter:
    """Writes segments into one Arrow file, a record batch each."""

    def __init__(self, file: BinaryIO, vocab_size: int, words: bool = False) -> None:
        self._schema = schema(vocab_size, words)
        self._dtype = id_type(vocab_size)
        self._writer = pa.ipc.new_file(file, self._schema)

    def write(self, segment: Segment) -> None:
        """Append the documents of ``segment``."""
        outer = self._schema.field(0).type
        ids = pa.array(np.ascontiguousarray(segment.ids, dtype=self._dtype))
        inner = _list_array(outer.value_type, segment.sentence_offsets, ids)
        columns = [_list_array(outer, segment.document_offsets, inner)]
        if segment.word_starts is not None:
            bits = pa.py_buffer(np.ascontiguousarray(segment.word_starts))
            starts = pa.Array.from_buffers(pa.bool_(), len(segment.ids), [None, bits])
            ends = segment.sentence_offsets[segment.document_offsets]
            columns.append(_list_array(self._schema.field(1).type, ends, starts))
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))

    def close(self) -> None:
        """Write the footer; the file stays open."""
        self._writer.close()


def read_segments(path: Path, vocab_size: int, words: bool = False) -> list[Segment]:
    """The segments of a shard: ids (and bits of words) mapped, not read; offsets checked and copied.

    Raises:
        StoreError: not an Arrow file, another schema, or offsets that lead nowhere.
    """
    try:
        with pa.memory_map(os.fsencode(path)) as file:
            reader = pa.ipc.open_file(file)
            expected = schema(vocab_size, words)
            if not reader.schema.equals(expected):
                columns = " and ".join(f"column {field.name}: {field.type}" for field in expected)
                raise StoreError.at(path, columns, reader.schema)
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
            for batch in batches:
                batch.validate()  # that buffers are as long as they claim: cheap
    except (pa.ArrowException, OSError) as problem:
        reason = str(problem).partition("\n")[0]
        raise StoreError.at(path, "a shard of a token store (an Arrow file)", reason) from None
    return [_segment(path, batch) for batch in batches]


def _list_array(kind: pa.ListType, offsets: Offsets, values: pa.Array) -> pa.ListArray:
    narrow = pa.array(offsets.astype(np.int32))
    return pa.ListArray.from_arrays(narrow, values, type=kind)


def _segment(path: Path, batch: pa.RecordBatch) -> Segment:
    documents = batch.column(0)
    sentences = documents.values
    ids = sentences.values
    if documents.null_count or sentences.null_count or ids.null_count or not len(documents):
        raise StoreError(f"{shown_path(path)}: expected documents without nulls, got nulls or nothing")
    segment = Segment(
        ids.to_numpy(zero_copy_only=True),
        _offsets(path, sentences.offsets, len(ids)),
        _offsets(path, documents.offsets, len(sentences)),
    )
    if batch.num_columns == 1:
        return segment
    return replace(segment, word_starts=_bits(path, batch.column(1), segment))


def _bits(path: Path, column: pa.ListArray, segment: Segment) -> Bits:
    """The bits of ``column``, a list of bool as long as each document."""
    flags = column.values
    if column.null_count or flags.null_count or flags.offset or len(flags) != len(segment.ids):
        raise StoreError.at(path, f"{WORDS_COLUMN}: {len(segment.ids):,} flags", f"{len(flags):,}, or nulls")
    ends = _offsets(path, column.offsets, len(segment.ids))
    if not np.array_equal(ends, segment.sentence_offsets[segment.document_offsets]):
        raise StoreError(f"{shown_path(path)}: {WORDS_COLUMN}: expected a flag for each token of a document")
    return np.frombuffer(flags.buffers()[1], np.uint8)[: -(-len(flags) // 8)]


def _offsets(path: Path, offsets: pa.Array, end: int) -> Offsets:
    result: Offsets = offsets.to_numpy(zero_copy_only=True).astype(np.int64)
    if result[0] != 0 or result[-1] != end or not (np.diff(result) > 0).all():
        raise StoreError(f"{shown_path(path)}: expected ascending offsets up to {end:,}, got others")
    return result
