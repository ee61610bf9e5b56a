"""Parquet tables, read in record batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bertwright.corpus.streams import is_of_the_disk
from bertwright.errors import BertwrightError, DiskError
from bertwright.tables.lines import check_file
from bertwright.tables.table import Row, Table, check_names

BATCH_ROWS = 4096
_ROWS = "readable Parquet rows"
_UNREADABLE = (pa.ArrowException, OSError, ValueError)


class ParquetTable(Table):
    """A table in a Parquet file; rows are numbered from 1."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, ())
        check_file(path)
        try:
            with pq.ParquetFile(path) as file:
                self.columns = tuple(file.schema_arrow.names)
        except _UNREADABLE as problem:
            raise self._unreadable("a Parquet file", problem) from None
        check_names(path, self.columns)

    def rows(self, columns: Sequence[str], *, lenient: bool = False) -> Iterator[Row]:
        self.places(columns)
        line = 0
        for batch in self._batches(columns):
            cells = [self._values(batch, column, line) for column in columns]
            for row in zip(*cells, strict=True):
                line += 1
                yield Row(line, row)

    def _batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        line = 1
        try:
            file = pq.ParquetFile(self.path)
        except _UNREADABLE as problem:
            raise self._unreadable(_ROWS, problem, line) from None
        with file:
            batches = file.iter_batches(BATCH_ROWS, columns=list(dict.fromkeys(columns)))
            while True:
                try:
                    batch = next(batches, None)
                except _UNREADABLE as problem:
                    raise self._unreadable(_ROWS, problem, line) from None
                if batch is None:
                    return
                yield batch
                line += batch.num_rows

    def _values(self, batch: pa.RecordBatch, column: str, before: int) -> list[object]:
        """The values of ``column`` in a batch that has ``before`` rows before it."""
        array = batch.column(column)
        try:
            values: list[object] = array.to_pylist()
        except _UNREADABLE:
            for line, value in enumerate(array, before + 1):  # which one it is
                try:
                    value.as_py()
                except UnicodeDecodeError as problem:
                    got = (
                        f"byte 0x{problem.object[problem.start]:02x} at byte {problem.start + 1} of the text"
                    )
                    raise self.error("UTF-8 text", got, line=line, column=column) from None
                except _UNREADABLE as problem:
                    raise self._unreadable(_ROWS, problem, line, column) from None
            raise
        return values

    def _unreadable(
        self, expected: str, problem: Exception, line: int | None = None, column: str | None = None
    ) -> BertwrightError:
        """What is wrong with the file, or with the disk that it is on."""
        if is_of_the_disk(problem):
            return DiskError.of(self.path, problem, doing="read")
        return self.error(expected, str(problem).split("\n", 1)[0], line=line, column=column)
