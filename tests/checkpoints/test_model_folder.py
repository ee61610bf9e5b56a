"""Folders of others and of TensorFlow 1 in ours, and damage to folders of ours."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
import transformers
from folder_edits import edit_config, edit_weights, inputs, logits_of
from shared import shared_path

from bertwright.checkpoints.model_folder import open_model
from bertwright.errors import (
    DigestError,
    InputError,
    ModelError,
)
from bertwright.inference.inspection.detection import inspect_path
from bertwright.model.classifier import SequenceClassifier


def test_a_masked_language_model_without_pooler(folder: Path) -> None:
    config = transformers.BertConfig.from_pretrained(folder)
    torch.manual_seed(0)
    theirs = transformers.BertForMaskedLM(config).eval()
    theirs.save_pretrained(folder)
    opened = open_model(folder)
    assert opened.heads == {"masked_language"}
    assert opened.notes == ("no pooler is stored: the pooled output is that of initial weights",)
    with pytest.raises(ModelError, match=r"a model with a next sentence head.*heads: masked_language"):
        opened.pretraining_model()
    batch = inputs(folder)
    ours, _ = logits_of(opened.pretraining_model(require=["masked_language"]), batch)
    with torch.no_grad():
        torch.testing.assert_close(ours, theirs(**batch).logits.flatten(0, 1), rtol=0, atol=1e-5)


def test_a_classifier_of_others(folder: Path) -> None:
    config = transformers.BertConfig.from_pretrained(folder, num_labels=4)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    opened = open_model(folder)
    labels = ["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"]
    problem = "single_label_classification"
    assert opened.task == {"kind": "classify", "labels": labels, "problem_type": problem}
    assert opened.task_model(SequenceClassifier).num_labels == 4
    edit_config(folder, problem_type="regression")
    assert open_model(folder).task is None
    edit_config(folder, problem_type=None, id2label={"0": "a", "1": "b"})
    with pytest.raises(ModelError, match="id2label: expected 4 names"):
        open_model(folder)


def test_heads_that_are_not_ours_are_noted(folder: Path) -> None:
    edit_weights(folder, lambda tensors: tensors.update({"lm_head.weight": torch.ones(2, 48)}))
    assert open_model(folder).notes == ("1 tensors of other heads are not used: lm_head.weight",)


def test_weights_in_several_files(folder: Path) -> None:
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, part in shards.items():
        safetensors.torch.save_file({name: tensors[name] for name in part}, folder / file)
    index = {"metadata": {}, "weight_map": {name: file for file, part in shards.items() for name in part}}
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index))
    assert open_model(folder).pretraining_model()
    for wrong in ("../one.safetensors", "/etc/passwd", "a/b", "..", "", "x\0y"):
        path.write_text(json.dumps({"weight_map": {"x": wrong}}))
        with pytest.raises(ModelError, match="a plain file name"):
            open_model(folder)
    path.write_text(json.dumps({"weight_map": {"x": "absent.safetensors"}}))
    with pytest.raises(ModelError, match="nothing there"):
        open_model(folder)
    path.write_text(json.dumps({"weight_map": [1]}))
    with pytest.raises(ModelError, match="weight_map"):
        open_model(folder)


def test_float64_is_noted_and_rounded(folder: Path) -> None:
    edit_weights(folder, lambda tensors: tensors.update({k: v.double() for k, v in tensors.items()}))
    opened = open_model(folder)
    assert opened.notes == ("weights are stored as float64 and were rounded to float32",)
    assert {p.dtype for p in opened.encoder().parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("name", "layers"),
    [("golden/model/a", 3), ("golden/model/c/model.ckpt-12", 4), ("models/tiny-tf-checkpoint", 2)],
)
def test_tensorflow_folders(name: str, layers: int) -> None:
    path = shared_path("golden/model/c") / "model.ckpt-12" if name.endswith("-12") else shared_path(name)
    opened = open_model(path)
    assert opened.config.num_hidden_layers == layers
    assert opened.config.hidden_act == "gelu_pytorch_tanh"
    assert opened.heads == {"masked_language", "next_sentence"}
    assert "lower-cased" in opened.notes[0]
    assert opened.tokenizer.settings.do_lower_case


def test_names_that_are_too_long(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a readable file or folder"):
        open_model(tmp_path / ("n" * 300))
    almost = tmp_path / ("n" * 253)  # with .index it would be
    with pytest.raises(ModelError, match=r"expected a model folder, got .nothing there"):
        open_model(almost)


def test_several_checkpoints_in_one_folder_are_listed() -> None:
    with pytest.raises(ModelError, match=r"model.ckpt-0.index, model.ckpt-12.index.*name one of them"):
        open_model(shared_path("golden/model/c"))


@pytest.mark.parametrize("name", ["", "."])
def test_the_folder_that_one_stands_in(saved: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(saved)
    assert open_model(name).config == open_model(saved).config
    assert inspect_path(Path(name)).facts == inspect_path(saved).facts


def test_casing_is_inferred_from_the_vocabulary_when_it_is_not_stored(tmp_path: Path) -> None:
    source = shared_path("golden/model/a")
    shutil.copytree(source, tmp_path / "a")
    os.chmod(tmp_path / "a", 0o755)
    vocabulary = tmp_path / "a" / "vocab.txt"
    os.chmod(vocabulary, 0o644)
    lines = vocabulary.read_text().split("\n")
    lines[50] = "London"
    vocabulary.write_text("\n".join(lines))
    opened = open_model(tmp_path / "a")
    assert not opened.tokenizer.settings.do_lower_case
    assert opened.notes[0].endswith("casing is not stored; its vocabulary is cased")
    assert open_model(tmp_path / "a", lower_case=True).tokenizer.settings.do_lower_case


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "vocab.txt", "tokenizer.json", "bertwright.json"]
)
def test_one_flipped_bit_is_refused_and_the_file_named(name: str, saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "m")
    path = tmp_path / "m" / name
    good = path.read_bytes()
    rng = random.Random(name)
    for _ in range(25):
        changed = bytearray(good)
        changed[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(InputError) as error:
            open_model(tmp_path / "m")
        assert name in error.value.message or name == "bertwright.json"
        if name != "bertwright.json":
            assert isinstance(error.value, DigestError)


def test_cut_swapped_and_lost_files(saved: Path, tmp_path: Path) -> None:
    def damaged(change: Callable[[Path], object]) -> DigestError:
        shutil.rmtree(tmp_path / "m", ignore_errors=True)
        shutil.copytree(saved, tmp_path / "m")
        change(tmp_path / "m")
        with pytest.raises(DigestError) as error:
            open_model(tmp_path / "m")
        return error.value

    def swap(path: Path) -> None:
        (path / "vocab.txt").rename(path / "x")
        (path / "tokenizer.json").rename(path / "vocab.txt")
        (path / "x").rename(path / "tokenizer.json")

    weights = "model.safetensors"
    assert weights in str(damaged(lambda m: os.truncate(m / weights, 1000)))
    assert weights in str(damaged(lambda m: (m / weights).unlink()))
    assert "vocab.txt" in str(damaged(swap)) or "tokenizer.json" in str(damaged(swap))


def test_files_beside_the_listed_ones_are_left_alone(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "m")
    (tmp_path / "m" / ".gitattributes").write_text("*.safetensors filter=lfs\n")
    assert open_model(tmp_path / "m").notes == ()
