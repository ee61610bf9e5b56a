"""Tensors read straight to their place: equal to the library's, checked for being finite on the way."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bertwright.checkpoints import tensor_files
from bertwright.checkpoints.model_folder import open_model
from bertwright.checkpoints.places import all_finite
from bertwright.checkpoints.tensor_files import TensorFiles
from bertwright.errors import ModelError
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.host_memory import claim

TENSORS = {
    "a": torch.randn(7, 5),
    "half": torch.randn(9).half(),
    "brain": torch.randn(3, 2).bfloat16(),
    "double": torch.randn(4).double(),
    "empty": torch.zeros(0, 3),
    "ids": torch.arange(3),
}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "one.safetensors", tmp_path / "two.safetensors"]
    names = sorted(TENSORS)
    for path, part in zip(paths, (names[::2], names[1::2]), strict=True):
        safetensors.torch.save_file({name: TENSORS[name] for name in part}, path)
    return paths


@pytest.mark.parametrize("chunk", [1, 2, 1 << 18])
def test_equal_to_the_library(chunk: int, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_files, "_CHUNK", chunk)
    with TensorFiles(files) as tensors:
        assert set(tensors) == set(TENSORS) and len(tensors) == len(TENSORS)
        for name, expected in TENSORS.items():
            assert torch.equal(tensors[name], expected)
            if expected.is_floating_point():
                out = torch.empty(expected.shape)
                place, finite = tensors.take(name, out)
                assert (place.name, place.dtype, finite) == (name, expected.dtype, True)
                assert torch.equal(out, expected.float())


def test_refusals(files: list[Path], tmp_path: Path) -> None:
    with TensorFiles(files) as tensors:
        with pytest.raises(ModelError, match=r"tensor a: expected shape \(5, 7\)"):
            tensors.take("a", torch.empty(5, 7))
        with pytest.raises(ModelError, match="floating-point"):
            tensors.take("ids", torch.empty(3))
        os.truncate(files[0], files[0].stat().st_size - 4)
        with pytest.raises(ModelError, match="the end"):
            for name in tensors:
                _ = tensors[name]
    descriptors = len(os.listdir("/proc/self/fd"))
    safetensors.torch.save_file({"a": torch.ones(1)}, files[0])
    safetensors.torch.save_file({"a": torch.ones(1)}, files[1])
    with pytest.raises(ModelError, match="each tensor in one file only"):
        TensorFiles(files)
    assert len(os.listdir("/proc/self/fd")) == descriptors


NUMBERS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(max_examples=200, deadline=None)
@given(arrays(np.float32, st.integers(0, 40), elements=NUMBERS))
def test_finite_means_that_every_number_is(numbers: np.ndarray) -> None:  # type: ignore[type-arg]
    assert all_finite(torch.from_numpy(numbers)) == bool(np.isfinite(numbers).all())


def test_large_numbers_are_finite() -> None:
    assert all_finite(torch.full((10,), 3e38))
    assert not all_finite(torch.tensor([3e38, float("nan")]))


def test_a_double_beyond_single_precision_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = {name: tensor.double() for name, tensor in safetensors.torch.load_file(path).items()}
    tensors["cls.predictions.bias"][0] = 1e300
    safetensors.torch.save_file(tensors, path)
    with pytest.raises(ModelError, match=r"tensor cls.predictions.bias: 1 of its numbers are not finite"):
        open_model(folder)


def test_claiming_changes_nothing() -> None:
    for size in (0, 1, 5000, 1 << 20):
        block = torch.arange(size, dtype=torch.float32)
        claim(block)
        assert torch.equal(block, torch.arange(size, dtype=torch.float32))
        claim(block[size // 3 :])


def test_networks_for_use_share_their_numbers_and_others_do_not(saved: Path) -> None:
    folder = open_model(saved)
    weight = folder.weights.tensors["encoder.pooler.dense.weight"]
    used = folder.for_use()
    assert used.encoder().pooler.dense.weight.data_ptr() == weight.data_ptr()
    assert used.pretraining_model().encoder.pooler.dense.weight.data_ptr() == weight.data_ptr()
    assert folder.encoder().pooler.dense.weight.data_ptr() != weight.data_ptr()


def test_a_head_that_reads_an_absent_pooler_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    kept = {name: tensor for name, tensor in tensors.items() if "pooler" not in name}
    safetensors.torch.save_file(
        kept | {"classifier.weight": torch.ones(2, 48), "classifier.bias": torch.ones(2)}, path
    )
    opened = open_model(folder)
    with pytest.raises(ModelError, match="a pooler, which the next sentence head reads"):
        opened.pretraining_model()
    with pytest.raises(ModelError, match="a pooler, which the sequence head reads"):
        opened.task_model(SequenceClassifier)
    assert opened.pretraining_model(require=["masked_language"])
