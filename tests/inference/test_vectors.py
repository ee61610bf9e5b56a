"""Files of vectors are read back by the libraries that people use, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bertwright.errors import OutputExistsError, UsageError
from bertwright.inference.vectors import write_vectors


def read(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        assert table.column_names == ["row", "vector"]
        assert table["row"].to_pylist() == list(range(len(table)))
        return np.array(table["vector"].to_pylist(), np.float32)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["row"] for record in records] == list(range(len(records)))
    return np.array([record["vector"] for record in records], np.float32)


@pytest.mark.parametrize("suffix", [".npy", ".parquet", ".jsonl"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    vectors=arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 9), st.integers(1, 5)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    cut=st.integers(0, 9),
)
def test_read_back(tmp_path: Path, suffix: str, vectors: np.ndarray, cut: int) -> None:
    path = tmp_path / f"vectors{suffix}"
    blocks = [block for block in (vectors[:cut], vectors[cut:]) if len(block)]
    write_vectors(path, blocks, vectors.shape, overwrite=True)
    found = read(path)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, vectors)


def test_existing_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"
    path.write_bytes(b"mine")
    with pytest.raises(OutputExistsError):
        write_vectors(path, [np.ones((1, 2), np.float32)], (1, 2))
    assert path.read_bytes() == b"mine"


def test_error_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def blocks():  # type: ignore[no-untyped-def]
        yield np.ones((1, 2), np.float32)
        raise RuntimeError("broken")

    for suffix in (".npy", ".parquet", ".jsonl"):
        with pytest.raises(RuntimeError, match="broken"):
            write_vectors(tmp_path / f"vectors{suffix}", blocks(), (2, 2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["vectors.csv", "vectors"])
def test_unknown_format(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"a name ending in .npy, .parquet, .jsonl"):
        write_vectors(tmp_path / name, [], (0, 2))
