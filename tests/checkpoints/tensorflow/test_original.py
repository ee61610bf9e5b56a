"""TensorFlow itself reads what we write, and we read what it writes, to the bit.

It is no dependency of ours and does not go well beside PyTorch, so it runs in an interpreter of its own::

    python3.11 -m venv /somewhere && /somewhere/bin/pip install tensorflow-cpu
    BERTWRIGHT_TENSORFLOW=/somewhere/bin/python make test-slow
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import small_models
import torch
from numpy.typing import NDArray
from shared import shared_path

from bertwright.checkpoints.model_folder import open_model
from bertwright.checkpoints.tensorflow.bundle import TensorBundle
from bertwright.checkpoints.tensorflow.bundle_writer import write_bundle
from bertwright.checkpoints.tensorflow.saving import save_tensorflow
from bertwright.checkpoints.tensorflow.table import read_table, table_bytes
from bertwright.durable import NewDirectory

VARIABLE = "BERTWRIGHT_TENSORFLOW"
PYTHON = os.environ.get(VARIABLE)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason=f"{VARIABLE} names no Python that has tensorflow-cpu"),
]


def original(*arguments: str | Path) -> None:
    """Run ``original.py`` under TensorFlow's Python."""
    script = Path(__file__).with_name("original.py")
    command = [str(PYTHON), str(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env={"PATH": os.defpath})
    assert done.returncode == 0, done.stderr[-2000:]


def array(tensor: torch.Tensor) -> NDArray[np.generic]:
    """As TensorFlow's side stores it: bfloat16 as its bits."""
    return (tensor.view(torch.uint16) if tensor.dtype is torch.bfloat16 else tensor).numpy()


def assert_read_there(prefix: Path, out: Path) -> int:
    """All tensors of ``prefix`` are the same in TensorFlow's hands; returns how many there are."""
    original("read", prefix, out)
    bundle = TensorBundle(prefix)
    with np.load(out) as theirs:
        assert sorted(theirs.files) == sorted(bundle.entries)
        for name in theirs.files:
            ours = array(bundle.read(name))
            assert (ours.dtype, ours.shape) == (theirs[name].dtype, theirs[name].shape), name
            assert ours.tobytes() == theirs[name].tobytes(), name
        return len(theirs.files)


@pytest.mark.parametrize("head", ["pretraining", "sequence", "golden a", "tiny-tf-checkpoint"])
def test_models_of_ours_open_there(head: str, tmp_path: Path) -> None:
    """By both of its readers, and as the initial values of a graph (``init_from_checkpoint``)."""
    if head == "pretraining":
        source = small_models.save_pretrained(tmp_path / "ours")
    elif head == "sequence":
        source = small_models.save_classifier(tmp_path / "ours")
    else:
        source = shared_path("golden/model/a" if head == "golden a" else "models/tiny-tf-checkpoint")
    save_tensorflow(tmp_path / "tf", open_model(source))
    counts = {"pretraining": 62, "sequence": 57, "golden a": 62, "tiny-tf-checkpoint": 46}
    assert assert_read_there(tmp_path / "tf" / "bert_model.ckpt", tmp_path / "read.npz") == counts[head]


def test_any_tensors_of_ours_open_there(tmp_path: Path) -> None:
    """Every dtype, ranks 0 to 4, any bits, a table of several blocks."""
    numbers = np.random.default_rng(5)
    tensors = {f"many_{number}/{'y' * 900}": torch.tensor(number) for number in range(300)}
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int32, torch.int64):
        for shape in ((), (7,), (3, 4), (2, 3, 5), (1, 2, 1, 3), (0, 3)):
            raw = bytearray(numbers.bytes(torch.Size(shape).numel() * dtype.itemsize))
            flat = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
            tensors[f"{str(dtype)[6:]}/axes_{'x'.join(map(str, shape))}"] = flat.reshape(shape)
    with NewDirectory(tmp_path / "any", kind="model") as new:
        write_bundle(new, "x", tensors)
    assert (tmp_path / "any" / "x.index").stat().st_size > 1 << 18
    assert assert_read_there(tmp_path / "any" / "x", tmp_path / "read.npz") == 336


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    original("write", folder)
    return folder


@pytest.mark.parametrize(
    ("name", "tensors", "pieces", "shards"),
    [
        ("kinds", 8, 8, 1),
        ("partitioned", 5, 20, 1),
        ("sharded", 4, 5, 3),
        ("adam", 9, 12, 1),
        ("large", 151, 451, 1),
    ],
)
def test_checkpoints_of_its_open_here(
    name: str, tensors: int, pieces: int, shards: int, written: Path
) -> None:
    prefix = written / name
    bundle = TensorBundle(prefix)
    assert len(bundle.entries) == tensors
    assert sum(len(entry.pieces) for entry in bundle.entries.values()) == pieces
    assert len(bundle.files) == shards
    with np.load(prefix.with_suffix(".npz")) as theirs:
        assert len(theirs.files) == tensors - (name == "kinds")  # one is text
        for key in theirs.files:
            ours = array(bundle.read(key))
            assert (ours.dtype, ours.shape) == (theirs[key].dtype, theirs[key].shape), key
            assert ours.tobytes() == theirs[key].tobytes(), key
    index = prefix.with_suffix(".index")
    assert table_bytes(read_table(index)) == index.read_bytes()
