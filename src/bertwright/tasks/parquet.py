"""Parquet tables, read in record batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bertwright.tasks.lines import check_file
from bertwright.tasks.table import Row, Table, check_names

BATCH_ROWS = 4096


class ParquetTable(Table):
    """A table in a Parquet file; rows are numbered from 1."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, ())
        check_file(path)
        try:
            with pq.ParquetFile(path) as file:
                self.columns = tuple(file.schema_arrow.names)
        except (pa.ArrowException, OSError) as problem:
            raise self.error("a Parquet file", _first_line(problem)) from None
        check_names(path, self.columns)

    def rows(self, columns: Sequence[str], *, lenient: bool = False) -> Iterator[Row]:
        self.places(columns)
        line = 0
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=list(dict.fromkeys(columns))):
                    cells = [batch.column(column).to_pylist() for column in columns]
                    for row in zip(*cells, strict=True):
                        line += 1
                        yield Row(line, row)
        except (pa.ArrowException, OSError) as problem:
            raise self.error("readable Parquet rows", _first_line(problem), line=line + 1) from None


def _first_line(problem: Exception) -> str:
    return str(problem).split("\n", 1)[0]
