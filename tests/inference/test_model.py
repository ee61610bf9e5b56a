"""Loading a model to use it."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from folder_edits import edit_config
from small_models import LABELS, save_classifier, save_pretrained

from bertwright.errors import DigestError, ModelError, RunError, UsageError
from bertwright.inference.model import Model, load


def test_repr_says_what_it_can_do(pretrained: Model) -> None:
    assert repr(pretrained).endswith("/pretrained', masked_language, next_sentence)")


def test_digest_names_the_contents(pretrained: Model, pretrained_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pretrained_folder, copy)
    assert load(copy).digest == pretrained.digest
    assert load(copy, lower_case=False).digest != pretrained.digest
    assert load(save_pretrained(tmp_path / "other", seed=1)).digest != pretrained.digest


def test_digest_of_folders_of_others(pretrained_folder: Path, tmp_path: Path) -> None:
    """Without a manifest of ours, what was read says whether it is still the same model."""
    copy = tmp_path / "copy"
    shutil.copytree(pretrained_folder, copy)
    (copy / "bertwright.json").unlink()
    before = load(copy).digest
    assert load(copy).digest == before
    assert load(copy, lower_case=False).digest != before
    for path in copy.iterdir():
        path.touch()
    (copy / "README.md").write_text("Another text.")
    (copy / "vectors.npy.lock").touch()
    assert load(copy).digest == before, "nothing that it reads has changed"
    assert load(shutil.copytree(copy, tmp_path / "again")).digest == before
    weights, times = copy / "model.safetensors", (copy / "model.safetensors").stat()
    numbers = bytearray(weights.read_bytes())
    numbers[-3] ^= 1  # of the last one, in its fraction
    weights.write_bytes(numbers)
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = load(copy).digest
    assert changed != before
    edit_config(copy, layer_norm_eps=1e-5)
    assert load(copy).digest != changed


def test_digest_of_classifiers_of_others_goes_by_their_labels(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "model")
    (folder / "bertwright.json").unlink()
    before = load(folder).digest
    names = [f"other {label}" for label in LABELS]
    labels = {str(index): name for index, name in enumerate(names)}
    edit_config(folder, id2label=labels, label2id={name: index for index, name in enumerate(names)})
    assert load(folder).digest != before


def test_damaged_folder_is_refused(pretrained_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pretrained_folder, copy)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(DigestError, match=r"model.safetensors"):
        load(copy)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing there"):
        load(tmp_path / "absent")


@pytest.mark.parametrize("device", ["gpu", "cuda"])
def test_impossible_device(pretrained_folder: Path, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match=f"device: .*{device}"):
        load(pretrained_folder, device=device)


def test_read_only_folder(pretrained_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pretrained_folder, copy)
    for path in (*copy.iterdir(), copy):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert len(load(copy).embed(["the sea"])) == 1
    finally:
        copy.chmod(0o755)


def test_auto_is_the_processor_where_there_is_no_gpu(
    pretrained_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert load(pretrained_folder).device.type == "cpu"


@pytest.mark.gpu
def test_gpu_gives_the_same_vectors(pretrained_folder: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    texts = ["the sea", "a very long story about the sea and the river", ""]
    on_gpu, on_cpu = (load(pretrained_folder, device=device).embed(texts) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-4)


def test_a_model_travels_as_the_name_of_its_folder(tmp_path: Path) -> None:
    folder = save_classifier(tmp_path / "model")
    model = load(folder, lower_case=False)
    again = copy.copy(model)  # what another process gets
    assert again.digest == model.digest
    assert again.predict(["a b"]) == model.predict(["a b"])
    assert copy.copy(model) is again  # opened once in a process
    copy.copy(load(save_classifier(tmp_path / "other", seed=1)))  # a process keeps one: now this
    shutil.rmtree(folder)
    save_classifier(folder, seed=2)
    with pytest.raises(RunError, match="model: changed while it was used"):
        copy.copy(model)
