"""Formats told by their first bytes, whatever the file is called; nothing in them runs."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bertwright.checkpoints.magic import foreign_format
from bertwright.checkpoints.tensor_file import read_tensors
from bertwright.errors import ModelError

NAMES = ("model.safetensors", "pytorch_model.bin", "model.pt", "weights", "model.ckpt", "a.npz")


class Bomb:
    """Unpickling this makes a directory."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.proof),)


def torch_zip(bomb: Bomb) -> bytes:
    buffer = io.BytesIO()
    torch.save({"weight": bomb}, buffer)
    return buffer.getvalue()


def torch_legacy(bomb: Bomb) -> bytes:
    buffer = io.BytesIO()
    torch.save({"weight": bomb}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def tar(bomb: Bomb) -> bytes:
    buffer, payload = io.BytesIO(), pickle.dumps(bomb)
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("storages")
        member.size = len(payload)
        archive.addfile(member, io.BytesIO(payload))
    return buffer.getvalue()


def script_archive(bomb: Bomb) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(bomb))
        archive.writestr("model/code/__torch__.py", "import os")
    return buffer.getvalue()


def object_array(bomb: Bomb) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weight=np.array([bomb], dtype=object))
    return buffer.getvalue()


PICKLED: dict[str, Any] = {
    **{f"pickle protocol {n}": lambda bomb, n=n: pickle.dumps([bomb], protocol=n) for n in range(6)},
    "torch.save": torch_zip,
    "torch.save, legacy": torch_legacy,
    "tar": tar,
    "TorchScript": script_archive,
    "npz with objects": object_array,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", PICKLED)
def test_pickles_are_named_and_never_opened(kind: str, name: str, tmp_path: Path) -> None:
    proof, path = tmp_path / "proof", tmp_path / name
    path.write_bytes(PICKLED[kind](Bomb(proof)))
    with pytest.raises(ModelError, match="pickle is not accepted"):
        read_tensors(path)
    assert not proof.exists()


def test_the_bomb_is_real(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "proof")))
    assert (tmp_path / "proof").exists()


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x1f\x8b\x08", "a compressed file"),
        (b"BZh9", "a compressed file"),
    ],
)
def test_other_formats_are_named(start: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(start + bytes(600))
    with pytest.raises(ModelError, match=name):
        read_tensors(path)


@pytest.mark.parametrize("length", [2, 0x28, 0x5D, 0x63, 0x7D, 0x80, 0x0280, 12345])
def test_every_header_length_passes(length: int) -> None:
    """Also one whose first byte is a pickle's opcode."""
    assert foreign_format(length.to_bytes(8, "little") + b"{" + bytes(500)) is None
