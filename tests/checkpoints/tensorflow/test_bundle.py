"""TensorFlow 1 checkpoints: every golden one read to the bit, every damaged byte noticed."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from shared import shared_path
from small_bundles import entry, write

from bertwright.checkpoints.tensorflow.bundle import TensorBundle
from bertwright.checkpoints.tensorflow.checksum import masked_crc32c
from bertwright.checkpoints.tensorflow.entries import header
from bertwright.errors import ModelError

INDEX, DATA = "model.ckpt.index", "model.ckpt.data-00000-of-00001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of golden ``a``, to be damaged."""
    source = shared_path("golden/model/a")
    for name in (INDEX, DATA):
        shutil.copyfile(source / name, tmp_path / name)
    return tmp_path


def test_every_tensor_of_a_equals_the_stored_variable() -> None:
    folder = shared_path("golden/model/a")
    bundle = TensorBundle(folder / "model.ckpt")
    with np.load(folder / "variables.npz") as variables:
        assert sorted(bundle.entries) == sorted(variables.files)
        assert len(variables.files) == 62
        for name in variables.files:
            tensor = bundle.read(name)
            assert tensor.dtype is torch.float32
            assert np.array_equal(tensor.numpy(), variables[name]), name


def test_a_checkpoint_with_optimizer_slots_of_another_writer() -> None:
    bundle = TensorBundle(shared_path("models/tiny-tf-checkpoint") / "bert_model.ckpt")
    assert len(bundle.entries) == 139
    assert bundle.read("global_step").dtype is torch.int64
    assert bundle.read("bert/embeddings/word_embeddings").shape == (15, 4)
    assert all(bundle.read(name).numel() for name in bundle.entries)


def test_an_unknown_name_is_a_key_error(folder: Path) -> None:
    with pytest.raises(KeyError):
        TensorBundle(folder / "model.ckpt").read("bert/absent")


def test_missing_files(folder: Path) -> None:
    bundle = TensorBundle(folder / "model.ckpt")
    (folder / DATA).unlink()
    with pytest.raises(ModelError, match="a readable data file"):
        bundle.read("bert/pooler/dense/bias")
    for name in ("model.ckpt", "absent.ckpt"):
        with pytest.raises(ModelError, match='a file, got "nothing there"'):
            TensorBundle(folder / name)


def test_every_flipped_bit_in_the_index_is_noticed(folder: Path) -> None:
    good = (folder / INDEX).read_bytes()
    rng = random.Random(1)
    for place in [*range(0, len(good) - 48, 7), *range(len(good) - 48, len(good))]:
        changed = bytearray(good)
        changed[place] ^= 1 << rng.randrange(8)
        (folder / INDEX).write_bytes(changed)
        with pytest.raises(ModelError) as caught:
            TensorBundle(folder / "model.ckpt")
        assert INDEX in caught.value.message


@pytest.mark.parametrize("place", [0, 5000, 40000, -1])
def test_a_flipped_bit_in_the_numbers(place: int, folder: Path) -> None:
    data = bytearray((folder / DATA).read_bytes())
    data[place] ^= 4
    (folder / DATA).write_bytes(data)
    bundle = TensorBundle(folder / "model.ckpt")
    with pytest.raises(ModelError, match="numbers that fit their checksum"):
        for name in bundle.entries:
            bundle.read(name)


def test_cut_and_lengthened_files(folder: Path) -> None:
    index, data = (folder / INDEX).read_bytes(), (folder / DATA).read_bytes()
    bundle = TensorBundle(folder / "model.ckpt")
    for changed in (data[:-1], b"", data + bytes(4096)):
        (folder / DATA).write_bytes(changed)
        with pytest.raises(ModelError, match=r"expected 148,756 bytes of numbers.*cut short or appended"):
            TensorBundle(folder / "model.ckpt")
    (folder / DATA).write_bytes(data[:-1])  # between opening and reading
    with pytest.raises(ModelError, match="cut short"):
        for name in bundle.entries:
            bundle.read(name)
    (folder / DATA).write_bytes(data)
    for size in (0, 1, 47, 48, 100, len(index) - 1):
        (folder / INDEX).write_bytes(index[:size])
        with pytest.raises(ModelError):
            TensorBundle(folder / "model.ckpt")


DATA_OF_A = bytes(range(8))
GOOD = b"\x08\x01\x12\x04\x12\x02\x08\x02\x28\x08"  # float32, shape (2), offset 0, 8 bytes; no checksum


def test_a_record_by_hand(tmp_path: Path) -> None:
    assert entry(DATA_OF_A, 2).encoded() == GOOD + b"\x35" + masked_crc32c(DATA_OF_A).to_bytes(4, "little")
    bundle = TensorBundle(write(tmp_path, {b"a": entry(DATA_OF_A, 2).encoded()}, DATA_OF_A))
    assert bundle.read("a").numpy().tobytes() == DATA_OF_A
    assert header() == bytes.fromhex("08011a020801")


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ({b"": b"", b"a": GOOD}, "1 to 1,000 data files, got .0 files"),
        ({b"": b"\x08\xe9\x07"}, "1 to 1,000 data files, got .1,001 files"),
        ({b"": b"\x08\x01\x10\x01"}, "a little-endian checkpoint"),
        ({b"": b"\x08\x01\x1a\x02\x10\x02"}, "version 1 of the format"),
        ({b"a": GOOD[:-1] + b"\x09"}, r"8 bytes for the shape \[2\], got .9"),
        ({b"a": GOOD + b"\x18\x05"}, "data files 0 to 0, got 5"),
        ({b"a": GOOD + b"\x18" + b"\xff" * 9 + b"\x01"}, "a number of 0 or more in field 3"),
        ({b"a": GOOD + b"\x20" + b"\xff" * 9 + b"\x01"}, "a number of 0 or more in field 4"),
        ({b"a": GOOD + b"\x20\xff\xff\xff\xff\xff\xff\xff\xff\x7f"}, "leaves a hole"),
        ({b"a": b"\x12\xff\x01"}, "more bytes"),
        ({b"a": b"\x0b"}, "wire type 3"),
        ({b"a": b"\x08" + b"\xff" * 12}, "64 bits"),
        ({b"a": b"\x0a\x01\x01"}, "a number of 0 or more in field 1"),
        ({b"a": b"\x08\x01\x12\x02\x18\x01\x28\x08"}, "a shape of at most 8 sizes, got .an unknown one"),
        ({b"a": b"\x08\x01\x12\x12" + b"\x12\x00" * 9}, "a shape of at most 8 sizes"),
        ({b"a": entry(DATA_OF_A, 2**48).encoded()}, "a shape of at most 8 sizes"),
        ({b"a": entry(DATA_OF_A, *[2**47] * 8).encoded()}, r"fewer than 2\^63 numbers"),
        ({b"a": entry(b"", 2**47, 2**47, 0).encoded()}, r"fewer than 2\^63 numbers"),
        ({b"\xff": GOOD}, "printable names"),
        ({b"a\nb": GOOD}, "printable names"),
        ({b"a" * 1001: GOOD}, "printable names of at most 1,000"),
    ],
)
def test_hostile_indexes(records: dict[bytes, bytes], message: str, tmp_path: Path) -> None:
    prefix = write(tmp_path, records, DATA_OF_A)
    with pytest.raises(ModelError, match=message) as caught:
        TensorBundle(prefix)
    assert "x.index" in caught.value.message and "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("offsets", "length", "message"),
    [
        ((0, 0), 16, "b: expected tensors one after the other, got .overlaps the one before"),
        ((0, 7), 16, "b: .*overlaps the one before"),
        ((8, 0), 15, "expected 16 bytes of numbers, got .15"),
        ((0, 8), 16 + 4096, "expected 16 bytes of numbers, got .4,112"),
        ((0, 8 + 4096), 9000, "b: .*leaves a hole before it"),
        ((4096, 4104), 9000, "a: .*leaves a hole before it"),
    ],
)
def test_tensors_that_overlap_or_leave_holes(
    offsets: tuple[int, int], length: int, message: str, tmp_path: Path
) -> None:
    records = {
        name: entry(bytes(8), 2, offset=offset).encoded()
        for name, offset in zip((b"a", b"b"), offsets, strict=True)
    }
    with pytest.raises(ModelError, match=message):
        TensorBundle(write(tmp_path, records, bytes(length)))


def test_tensors_that_are_aligned_or_empty(tmp_path: Path) -> None:
    records = {
        b"a": entry(bytes(8), 2, offset=64).encoded(),
        b"b": entry(b"", 0, 5, offset=3).encoded(),
        b"c": entry(DATA_OF_A, 2, offset=128).encoded(),
    }
    bundle = TensorBundle(write(tmp_path, records, bytes(128) + DATA_OF_A))
    assert bundle.read("c").numpy().tobytes() == DATA_OF_A
    assert bundle.read("b").shape == (0, 5)


def test_what_is_not_numbers_is_listed_and_not_read(tmp_path: Path) -> None:
    """Text (7), and a type that does not exist: of a size that cannot be known."""
    records = {
        b"a": entry(b"\1ab", 1, number=7).encoded(),
        b"b": entry(DATA_OF_A, 2, offset=3).encoded(),
        b"c": entry(b"???", 9, number=99, offset=11).encoded(),
    }
    bundle = TensorBundle(write(tmp_path, records, b"\1ab" + DATA_OF_A + b"???"))
    assert [entry.dtype for entry in bundle.entries.values()] == [None, torch.float32, None]
    assert bundle.read("b").shape == (2,)
    for name in ("a", "c"):
        with pytest.raises(ModelError, match=f"{name}: expected a tensor of numbers"):
            bundle.read(name)


def test_data_files_outside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    prefix = write(folder, {b"a": entry(DATA_OF_A, 2).encoded()}, DATA_OF_A)
    for name in ("x.data-00000-of-00001", "x.index"):
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
        with pytest.raises(ModelError, match=f"{name}: expected a file inside the folder"):
            TensorBundle(prefix)
        (folder / name).unlink()
        (folder / name).mkdir()
        with pytest.raises(ModelError, match='a regular file, got "a directory"'):
            TensorBundle(prefix)
        (folder / name).rmdir()
        os.mkfifo(folder / name)  # opening it would wait for a writer
        with pytest.raises(ModelError, match='a regular file, got "a special file"'):
            TensorBundle(prefix)
        (folder / name).unlink()
        (tmp_path / name).rename(folder / name)
