"""TensorFlow 1 checkpoints: every golden one read to the bit, every damaged byte noticed."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from shared import shared_path

from bertwright.checkpoints.checksum import masked_crc32c
from bertwright.checkpoints.tensorflow_bundle import TensorBundle
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
    (folder / DATA).unlink()
    bundle = TensorBundle(folder / "model.ckpt")
    with pytest.raises(ModelError, match="a readable data file"):
        bundle.read("bert/pooler/dense/bias")
    with pytest.raises(ModelError, match="the index of a TensorFlow checkpoint"):
        TensorBundle(folder / "absent.ckpt")


def test_flipped_bits_in_the_index_are_noticed(folder: Path) -> None:
    """All but the padding of the footer and the empty, unused meta-index are under a checksum or compared."""
    good = (folder / INDEX).read_bytes()
    rng = random.Random(1)
    unnoticed = []
    for place in range(0, len(good), 7):
        changed = bytearray(good)
        changed[place] ^= 1 << rng.randrange(8)
        (folder / INDEX).write_bytes(changed)
        try:
            if TensorBundle(folder / "model.ckpt").entries:
                unnoticed.append(place)
        except ModelError:
            continue
    index_block = len(good) - 48
    assert all(place >= index_block - 80 for place in unnoticed)
    assert len(unnoticed) < 10


@pytest.mark.parametrize("place", [0, 5000, 40000, -1])
def test_a_flipped_bit_in_the_numbers(place: int, folder: Path) -> None:
    data = bytearray((folder / DATA).read_bytes())
    data[place] ^= 4
    (folder / DATA).write_bytes(data)
    bundle = TensorBundle(folder / "model.ckpt")
    with pytest.raises(ModelError, match="numbers that fit their checksum"):
        for name in bundle.entries:
            bundle.read(name)


def test_cut_files(folder: Path) -> None:
    index, data = (folder / INDEX).read_bytes(), (folder / DATA).read_bytes()
    (folder / DATA).write_bytes(data[:-1])
    bundle = TensorBundle(folder / "model.ckpt")
    with pytest.raises(ModelError, match="cut short"):
        for name in bundle.entries:
            bundle.read(name)
    for size in (0, 1, 47, 48, 100, len(index) - 1):
        (folder / INDEX).write_bytes(index[:size])
        with pytest.raises(ModelError):
            TensorBundle(folder / "model.ckpt")


def rebuilt(records: dict[bytes, bytes]) -> bytes:
    """An index file of one block with these records, checksums right: what a hostile writer can make."""

    def varint(value: int) -> bytes:
        out = bytearray()
        while value >= 0x80:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*out, value])

    def block(items: dict[bytes, bytes]) -> bytes:
        body = b"".join(
            varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in items.items()
        )
        body += (0).to_bytes(4, "little") + (1).to_bytes(4, "little") + b"\0"
        return body + masked_crc32c(body).to_bytes(4, "little")

    data = block(records)
    index = block({b"~": varint(0) + varint(len(data) - 5)})
    footer = varint(0) + varint(0) + varint(len(data)) + varint(len(index) - 5)
    return data + index + footer.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")


HEADER = b"\x08\x01"  # one data file
GOOD = b"\x08\x01\x12\x04\x12\x02\x08\x02\x20\x00\x28\x08"  # float32, shape (2), offset 0, 8 bytes


def test_rebuilt_index_opens(tmp_path: Path) -> None:
    (tmp_path / "x.index").write_bytes(rebuilt({b"": HEADER, b"a": GOOD}))
    assert TensorBundle(tmp_path / "x").entries["a"].shape == (2,)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ({b"a": GOOD}, "1 to 1000 data files"),
        ({b"": b"\x08\x00"}, "1 to 1000 data files"),
        ({b"": b"\x08\x01\x10\x01"}, "little-endian"),
        ({b"": HEADER, b"a": b"\x08\x63" + GOOD[2:]}, "an unpartitioned tensor of numbers"),
        ({b"": HEADER, b"a": GOOD + b"\x3a\x00"}, "an unpartitioned tensor of numbers"),
        ({b"": HEADER, b"a": GOOD[:-1] + b"\x09"}, "8 bytes for"),
        ({b"": HEADER, b"a": GOOD + b"\x18\x05"}, "8 bytes for"),
        ({b"": HEADER, b"a": b"\x12\xff\x01"}, "more bytes"),
        ({b"": HEADER, b"a": b"\x0b"}, "wire type 3"),
        ({b"": HEADER, b"a": b"\x08" + b"\xff" * 12}, "64 bits"),
        ({b"": HEADER, b"\xff": GOOD}, "tensor names in UTF-8"),
        ({b"": HEADER, b"b": GOOD, b"a": GOOD}, "keys in order"),
    ],
)
def test_hostile_indexes(records: dict[bytes, bytes], message: str, tmp_path: Path) -> None:
    (tmp_path / "x.index").write_bytes(rebuilt(records))
    with pytest.raises(ModelError, match=message):
        TensorBundle(tmp_path / "x")


def test_a_compressed_index_is_refused(tmp_path: Path) -> None:
    whole = bytearray(rebuilt({b"": HEADER, b"a": GOOD}))
    end = len(HEADER) + len(GOOD) + 1 + 6 + 8  # the block's type byte
    assert whole[end] == 0
    whole[end] = 1
    whole[end + 1 : end + 5] = masked_crc32c(whole[: end + 1]).to_bytes(4, "little")
    (tmp_path / "x.index").write_bytes(whole)
    with pytest.raises(ModelError, match="compression 1"):
        TensorBundle(tmp_path / "x")
