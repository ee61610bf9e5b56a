"""What is written is, to the byte, what TensorFlow writes; anything comes back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_path
from small_bundles import NAME

from bertwright.checkpoints.tensorflow.bundle import TensorBundle
from bertwright.checkpoints.tensorflow.bundle_writer import write_bundle
from bertwright.durable import NewDirectory

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int32, torch.int64)


def written(path: Path, tensors: dict[str, torch.Tensor], name: str = NAME) -> Path:
    with NewDirectory(path, kind="model") as new:
        write_bundle(new, name, tensors)
    return path / name


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("golden/model/a/model.ckpt", 62),
        ("golden/model/c/model.ckpt-0", 235),
        ("golden/model/c/model.ckpt-12", 235),
        ("models/tiny-tf-checkpoint/bert_model.ckpt", 139),
    ],
)
def test_checkpoints_of_tensorflows_come_out_byte_for_byte(name: str, count: int, tmp_path: Path) -> None:
    """Two versions of TensorFlow made them; optimizer slots and the step counter are among the tensors."""
    source = shared_path(f"{name}.index").with_suffix("")
    bundle = TensorBundle(source)
    assert len(bundle.entries) == count
    tensors = {name: bundle.read(name) for name in reversed(bundle.entries)}
    prefix = written(tmp_path / "m", tensors, source.name)
    for suffix in (".index", ".data-00000-of-00001"):
        ours, theirs = (path.with_name(path.name + suffix).read_bytes() for path in (prefix, source))
        assert ours == theirs


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Any bits of any dtype, a NaN's too; sometimes with strides of a transposed one."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    size = torch.Size(shape).numel() * dtype.itemsize
    raw = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), np.uint8).copy()
    tensor = torch.from_numpy(raw).view(dtype).reshape(shape) if size else torch.empty(shape, dtype=dtype)
    return tensor.t() if len(shape) == 2 and draw(st.booleans()) else tensor


names = st.text(min_size=1, max_size=30).filter(lambda name: name.isprintable())


@settings(deadline=None)
@given(st.dictionaries(names, tensors(), max_size=20))
def test_any_names_and_tensors_come_back(
    tmp_path_factory: pytest.TempPathFactory, given: dict[str, torch.Tensor]
) -> None:
    bundle = TensorBundle(written(tmp_path_factory.mktemp("any") / "m", given))
    assert sorted(bundle.entries) == sorted(given)
    for name, tensor in given.items():
        found = bundle.read(name)
        assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
        assert bits(found) == bits(tensor)


def test_a_table_of_several_blocks(tmp_path: Path) -> None:
    given = {f"{'x' * 900}/{number}": torch.tensor(number) for number in range(400)}
    given |= {f"scope_{number}/{'y' * 900}": torch.tensor(number) for number in range(400)}
    bundle = TensorBundle(written(tmp_path / "m", given))
    assert 1 << 18 < (tmp_path / "m" / f"{NAME}.index").stat().st_size < 1 << 19
    assert all(torch.equal(bundle.read(name), tensor) for name, tensor in given.items())


def test_what_cannot_be_stored(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        written(tmp_path / "m", {"a": torch.tensor([True])})
    for name in ("", "\0a"):
        with pytest.raises(ValueError, match="not a name"):
            written(tmp_path / "m", {name: torch.ones(1)})
    assert list(tmp_path.iterdir()) == []
