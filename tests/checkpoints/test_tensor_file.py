"""safetensors: the same bytes as the library's, and every rule of the header held."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import mutants

from bertwright.checkpoints.tensor_file import read_entries, read_tensors, require_finite, write_tensors
from bertwright.durable import NewDirectory
from bertwright.errors import ModelError

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> Path:
    """``path/t/weights.safetensors`` by our own writer."""
    with NewDirectory(path / "t", kind="model", overwrite=True) as new:
        write_tensors(new, "weights.safetensors", tensors, metadata)
    return path / "t" / "weights.safetensors"


def raw(path: Path, header: bytes | str | Mapping[str, Any], data: bytes, length: int | None = None) -> Path:
    """A file with this header, whatever it says."""
    if isinstance(header, Mapping):
        header = json.dumps(header)
    encoded = header.encode() if isinstance(header, str) else header
    path = path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(encoded) if length is None else length) + encoded + data)
    return path


TENSORS = {
    "a": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "b.weight": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "half": torch.tensor([[0.5]], dtype=torch.float16),
    "double": torch.tensor([1e300], dtype=torch.float64),
    "counts": torch.tensor([2**40, -1]),
    "small": torch.tensor([1, 2, 3], dtype=torch.int8),
    "bytes": torch.arange(5, dtype=torch.uint8),
    "flags": torch.tensor([True, False, True]),
    "shorts": torch.tensor([-300], dtype=torch.int16),
    "ints": torch.tensor([70000], dtype=torch.int32),
    "scalar": torch.tensor(3.0),
    "empty": torch.zeros(0, 4),
    "Ünïcode 名": torch.ones(1),
}


def test_round_trip_with_the_library(tmp_path: Path) -> None:
    ours = write(tmp_path, TENSORS, {"format": "pt"})
    theirs = tmp_path / "theirs.safetensors"
    safetensors.torch.save_file(TENSORS, theirs, {"format": "pt"})
    for path in (ours, theirs):
        for read in (read_tensors(path), safetensors.torch.load_file(path)):
            assert set(read) == set(TENSORS)
            for name, tensor in TENSORS.items():
                assert read[name].dtype is tensor.dtype
                assert torch.equal(read[name], tensor), name
    assert read_entries(ours)[1] == {"format": "pt"}


def test_the_order_given_does_not_matter(tmp_path: Path) -> None:
    first = write(tmp_path, TENSORS).read_bytes()
    second = write(tmp_path, dict(reversed(TENSORS.items()))).read_bytes()
    assert first == second


def test_views_are_written_as_they_look(tmp_path: Path) -> None:
    square = torch.arange(12.0).reshape(3, 4)
    path = write(tmp_path, {"t": square.t(), "row": square[1]})
    read = read_tensors(path)
    assert torch.equal(read["t"], square.t()) and torch.equal(read["row"], square[1])


def test_only_what_is_asked_for_and_copied(tmp_path: Path) -> None:
    path = write(tmp_path, TENSORS)
    tensors = read_tensors(path, ["a", "absent"])
    assert list(tensors) == ["a"]
    path.write_bytes(bytes(len(path.read_bytes())))
    assert torch.equal(tensors["a"], TENSORS["a"])


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20),
        st.lists(st.integers(0, 4), max_size=3),
        max_size=6,
    )
)
def test_any_shapes(tmp_path_factory: pytest.TempPathFactory, shapes: dict[str, list[int]]) -> None:
    tensors = {name: torch.randn(shape) for name, shape in shapes.items()}
    read = read_tensors(write(tmp_path_factory.mktemp("shapes"), tensors))
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert len(read) == len(tensors)


def entries(**changes: Any) -> dict[str, Any]:
    return {"x": {**ENTRY, **changes}}


MALFORMED: dict[str, tuple[bytes | str | Mapping[str, Any], bytes, int | None, str]] = {
    "header longer than the file": (entries(), bytes(8), 10**6, "a header within the file's"),
    "header over the cap": (b" " * (10 << 20) + b"{}", b"", None, "a header of at most 10,485,760 bytes"),
    "header not JSON": ("{not json", bytes(8), None, "expected JSON"),
    "header not UTF-8": (b"{\xff}", b"", None, "UTF-8"),
    "header a list": ("[1]", b"", None, "a JSON object as header"),
    "nesting bomb": ('{"a":' + "[" * 5000 + "]" * 5000 + "}", b"", None, "nested at most 64 deep"),
    "name twice": ('{"x": %s, "x": %s}' % ((json.dumps(ENTRY),) * 2), bytes(8), None, "each key once"),
    "hole": (entries(data_offsets=[8, 16]), bytes(16), None, "leaves a hole before it"),
    "hole between": (
        {"x": ENTRY, "y": {**ENTRY, "data_offsets": [12, 20]}},
        bytes(20),
        None,
        "tensor y: expected tensors one after the other",
    ),
    "overlap": ({"x": ENTRY, "y": {**ENTRY, "data_offsets": [4, 12]}}, bytes(12), None, "overlaps"),
    "same place twice": ({"x": ENTRY, "y": ENTRY}, bytes(8), None, "overlaps"),
    "begin after end": (entries(data_offsets=[8, 0]), bytes(8), None, "begin <= end"),
    "negative offset": (entries(data_offsets=[-8, 0]), bytes(8), None, "two data_offsets"),
    "three offsets": (entries(data_offsets=[0, 4, 8]), bytes(8), None, "two data_offsets"),
    "float offset": (entries(data_offsets=[0, 8.0]), bytes(8), None, "two data_offsets"),
    "boolean offset": (entries(data_offsets=[False, 8]), bytes(8), None, "two data_offsets"),
    "shape overflows": (entries(shape=[2**40, 2**40]), bytes(8), None, "fewer than 2^63 numbers"),
    "shape of none that overflows": (
        entries(shape=[2**47, 2**47, 0], data_offsets=[0, 0]),
        b"",
        None,
        "fewer than 2^63 numbers",
    ),
    "shape too large": (entries(shape=[2**64]), bytes(8), None, "a shape of at most 8 whole numbers"),
    "shape negative": (entries(shape=[-2]), bytes(8), None, "a shape of at most 8 whole numbers"),
    "shape of many axes": (entries(shape=[1] * 9), bytes(8), None, "a shape of at most 8 whole numbers"),
    "shape and bytes differ": (entries(shape=[3]), bytes(8), None, "12 bytes for shape"),
    "unknown dtype": (entries(dtype="F8_E4M3"), bytes(8), None, "a dtype among"),
    "dtype no text": (entries(dtype=[1]), bytes(8), None, "a dtype among"),
    "unknown field": (entries(extra=1), bytes(8), None, "dtype, shape and data_offsets"),
    "entry no object": ({"x": 3}, b"", None, "dtype, shape and data_offsets"),
    "metadata no text": ({"__metadata__": {"a": 1}, "x": ENTRY}, bytes(8), None, "__metadata__"),
    "metadata no object": ({"__metadata__": [], "x": ENTRY}, bytes(8), None, "__metadata__"),
    "name with a path": ({"../../etc": ENTRY}, bytes(8), None, "printable tensor names"),
    "name with control characters": ({"a\nb": ENTRY}, bytes(8), None, "printable tensor names"),
    "name of a megabyte": ({"a" * 2**20: ENTRY}, bytes(8), None, "printable tensor names"),
    "empty name": ({"": ENTRY}, bytes(8), None, "printable tensor names"),
    "cut by one byte": (entries(), bytes(7), None, "cut short or appended to"),
    "bytes behind": (entries(), bytes(108), None, "cut short or appended to"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files_are_refused_in_one_line(case: str, tmp_path: Path) -> None:
    header, data, length, message = MALFORMED[case]
    path = raw(tmp_path, header, data, length)
    with pytest.raises(ModelError) as error:
        read_tensors(path)
    assert message in str(error.value)
    assert str(path) in error.value.message and "\n" not in error.value.message
    with pytest.raises(ModelError):
        read_entries(path)


@pytest.mark.parametrize("size", range(8))
def test_files_too_short_for_a_length(size: int, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(bytes(size))
    with pytest.raises(ModelError, match="header"):
        read_tensors(path)


def test_too_many_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bertwright.checkpoints.tensor_file.TENSOR_LIMIT", 3)
    names = {str(index): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for index in range(4)}
    with pytest.raises(ModelError, match="at most 3 tensors"):
        read_tensors(raw(tmp_path, names, b""))


def test_nothing_there_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing there"):
        read_tensors(tmp_path / "absent.safetensors")
    with pytest.raises(ModelError, match="Is a directory"):
        read_tensors(tmp_path)


def test_numbers_that_are_not_finite_are_named_and_counted() -> None:
    good = {"a": torch.ones(3), "ids": torch.tensor([1])}
    require_finite(good, "file")
    bad = good | {"b": torch.tensor([1.0, float("nan"), float("inf")]), "c": torch.tensor([float("-inf")])}
    with pytest.raises(ModelError) as error:
        require_finite(bad, "file")
    assert str(error.value) == "file: tensor b: 2 of its numbers are not finite; 1 other tensors too"


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 101))])
def test_mutants_raise_our_error_or_load(seed: int, tmp_path: Path) -> None:
    """500 each; all hundred and one are 50,500."""
    good = write(
        tmp_path, {name: TENSORS[name] for name in ("a", "counts", "empty")}, {"k": "v"}
    ).read_bytes()
    path = tmp_path / "mutant.safetensors"
    refused = 0
    for mutant in mutants(good, 500, seed):
        path.write_bytes(mutant)
        try:
            read_tensors(path)
        except ModelError:
            refused += 1
    assert refused > 250
