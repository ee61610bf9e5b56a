"""Model folders for the tests of this room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import small_models
import torch


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pre-trained folder of ours, not to be changed."""
    return small_models.save_pretrained(tmp_path_factory.mktemp("models") / "pretrained")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of ``saved``, as if another tool had written it: to be changed."""
    return small_models.foreign_copy(saved, tmp_path / "folder")


@pytest.fixture
def pickled(folder: Path) -> Path:
    """``folder`` with its weights in ``pytorch_model.bin``, tied tensors stored as one."""
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"]
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"
    return folder
