"""Partitioned variables: TensorFlow's own, and slices that do not make a tensor."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bundles import by_tensorflow, entry, write

from bertwright.checkpoints.tensorflow.bundle import TensorBundle
from bertwright.checkpoints.tensorflow.entries import Record
from bertwright.checkpoints.tensorflow.slices import Slice, axis_of, ordered_code
from bertwright.errors import ModelError


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (0, "80"),
        (1, "81"),
        (63, "bf"),
        (64, "c040"),
        (-1, "7f"),
        (-64, "40"),
        (-65, "3fbf"),
        (8191, "dfff"),
        (8192, "e02000"),
        (30522, "e0773a"),
        (2**62, "ffc04000000000000000"),
    ],
)
def test_ordered_codes_by_hand(number: int, code: str) -> None:
    assert ordered_code(number).hex() == code


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2))
def test_ordered_codes_sort_as_the_numbers_do(numbers: list[int]) -> None:
    for low, high in pairwise(sorted(set(numbers))):
        assert ordered_code(low) < ordered_code(high)


def test_the_key_of_a_slice_by_hand() -> None:
    part = Slice(((3, 2), (0, 3)))
    assert part.key("spread") == b"\0spread\0\1" + bytes.fromhex("0102" + "8382" + "8083")
    assert Slice(((3, 2), (0, -1))).key("a") == b"\0a\0\1" + bytes.fromhex("0102" + "8382" + "807f")
    assert part.encoded() == bytes.fromhex("0a0408031002" + "0a021003")
    assert Slice.parse(part.encoded(), Path("x")) == part
    whole = Slice(((0, -1),))
    assert Slice.parse(whole.encoded(), Path("x")) == whole


def test_three_files_and_a_partitioned_variable_of_tensorflows(tmp_path: Path) -> None:
    bundle = TensorBundle(by_tensorflow(tmp_path))
    assert {name: entry.shape for name, entry in bundle.entries.items()} == {
        "here/0": (2, 1),
        "here/1": (2, 2),
        "here/2": (2, 3),
        "spread": (5, 3),
    }
    files = [(tmp_path / f"x.data-{shard:05d}-of-00003").read_bytes() for shard in range(3)]
    spread = torch.frombuffer(bytearray(files[0][8:] + files[1][16:]), dtype=torch.float32)
    assert torch.equal(bundle.read("spread"), spread.reshape(5, 3))
    assert torch.equal(
        bundle.read("here/2").flatten(), torch.frombuffer(bytearray(files[2]), dtype=torch.float32)
    )


def cut(folder: Path, tensor: torch.Tensor, axis: int, lengths: list[int], *, whole: int = -1) -> Path:
    """A checkpoint of one tensor ``t`` in slices of these lengths, the axes not cut given as ``whole``."""
    records, data, start, slices = {}, b"", 0, []
    for length in lengths:
        extents = tuple(
            (start, length) if at == axis else (0, whole if whole < 0 else size)
            for at, size in enumerate(tensor.shape)
        )
        part = tensor.narrow(axis, start, length).contiguous()
        raw = part.numpy().tobytes()
        slices.append(Slice(extents))
        records[slices[-1].key("t")] = entry(raw, *part.shape, offset=len(data)).encoded()
        data += raw
        start += length
    records = dict(sorted(records.items()))
    records[b"t"] = Record(1, tuple(tensor.shape), slices=tuple(slices[::-1])).encoded()  # in any order
    return write(folder, records, data)


@settings(deadline=None)
@given(
    st.data(),
    st.lists(st.integers(1, 80), min_size=1, max_size=5),
    st.integers(0, 2),
    st.sampled_from([-1, 0]),
)
def test_any_cut_along_one_axis(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, lengths: list[int], axis: int, whole: int
) -> None:
    shape = data.draw(st.lists(st.integers(1, 3), min_size=axis + 1, max_size=3))
    shape[axis] = sum(lengths)
    tensor = torch.arange(0, torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)
    bundle = TensorBundle(cut(tmp_path_factory.mktemp("cut"), tensor, axis, lengths, whole=whole))
    assert torch.equal(bundle.read("t"), tensor)


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ([((0, 2), (0, 3)), ((3, 2), (0, 3))], "slices side by side, got .a hole at 3"),
        ([((0, 3), (0, 3)), ((2, 3), (0, 3))], "slices side by side, got .an overlap at 2"),
        ([((0, 2), (0, 3))], "slices up to 5, got .up to 2"),
        ([((0, 2), (0, 3)), ((2, 4), (0, 3))], "slices up to 5, got .up to 6"),
        ([((1, 4), (0, 3))], "a hole at 1"),
        ([((0, 5), (0, 1)), ((0, 5), (1, 1))], "slices up to 3"),
        ([((0, 2), (0, 2)), ((2, 3), (2, 1))], "slices along one axis, got .2 axes"),
        ([((0, 5),)], "slices of 2 axes, got 1"),
        ([((0, 5), (0, 3), (0, 1))], "slices of 2 axes, got 3"),
    ],
)
def test_slices_that_make_no_tensor(slices: list[tuple[tuple[int, int], ...]], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        axis_of([Slice(extents) for extents in slices], (5, 3), Path("x.index"), "t")


def test_records_of_slices_that_are_missing_differ_or_are_left(tmp_path: Path) -> None:
    part, data = Slice(((0, 2),)), bytes(8)
    whole = Record(1, (2,), slices=(part,)).encoded()
    good = entry(data, 2).encoded()
    assert TensorBundle(write(tmp_path, {part.key("t"): good, b"t": whole}, data)).read("t").tolist() == [
        0,
        0,
    ]
    for records, message in (
        ({b"t": whole}, "a record for each slice"),
        ({part.key("s"): good, b"t": whole}, "a record for each slice"),
        ({part.key("t"): good}, "slices that belong to a tensor, got .1 others"),
        ({part.key("t"): entry(data, 2, 1).encoded(), b"t": whole}, r"a slice of \[2\]"),
        ({part.key("t"): entry(data, 2, number=3).encoded(), b"t": whole}, r"a slice of \[2\]"),
        ({part.key("t"): whole, b"t": whole}, r"a slice of \[2\]"),
    ):
        with pytest.raises(ModelError, match=message):
            TensorBundle(write(tmp_path, records, data))
