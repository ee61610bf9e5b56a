"""The text in a Parquet file: one column, read a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bertwright.corpus.streams import open_found
from bertwright.errors import CorpusError

_ROWS = 256  # read at a time, unless they may be so long that they exceed
_BYTES = 32 << 20


@contextmanager
def open_table(path: Path) -> Iterator[Any]:
    """The ``pyarrow.parquet.ParquetFile`` of ``path``; whatever is unsound in it is told of the file.

    Raises:
        CorpusError: no sound Parquet file.
        RunError: it vanished.
        DiskError: the file system refused.
    """
    from pyarrow import ArrowException, parquet

    try:
        with open_found(path) as raw, parquet.ParquetFile(raw) as table:
            yield table
    except UnicodeDecodeError as problem:
        raise CorpusError.at(path, "names of columns in UTF-8", problem.reason) from None
    except (ArrowException, OSError) as problem:
        raise CorpusError.at(path, "a sound Parquet file", str(problem).partition("\n")[0]) from None


def texts_of(path: Path, table: Any, groups: range, column: str) -> Iterator[tuple[int, str | None]]:
    """What stands in each row of these row groups, with the number of the row in the file, from 1.

    Raises:
        CorpusError: the column holds no strings, or one that is not UTF-8.
    """
    _require_strings(path, table.schema_arrow.field(column).type, column)
    number = 1 + sum(table.metadata.row_group(group).num_rows for group in range(groups.start))
    for group in groups:
        rows = _rows_at_once(table.metadata.row_group(group).total_byte_size)
        for batch in table.iter_batches(rows, row_groups=[group], columns=[column], use_threads=False):
            for value in batch.column(0):  # one by one: as Python's strings they take their place again
                try:
                    text = value.as_py()
                except UnicodeDecodeError as problem:
                    raise CorpusError.at(path, "strings in UTF-8", problem.reason, line=number) from None
                yield number, text
                number += 1


def _require_strings(path: Path, kind: Any, column: str) -> None:
    from pyarrow import types

    plain = kind.value_type if types.is_dictionary(kind) else kind
    if not (types.is_string(plain) or types.is_large_string(plain) or types.is_string_view(plain)):
        raise CorpusError.at(path, "a column of strings", str(kind), field=column)


def _rows_at_once(size: int) -> int:
    """So many that they take about 32 MiB, even where each of them is as long as all of the row group.

    A few hundred bytes of a file can stand for a string of megabytes in each of many rows: a dictionary, or
    what strings share with the one before, is written once. Whether it is so stands in the metadata of the
    column, which PyArrow cannot be asked for: in unsound files the question ends the process.

    Args:
        size: bytes of the row group, not compressed.
    """
    return max(1, min(_ROWS, _BYTES // max(1, size)))
