"""Each way in which a folder can be wrong: one line, and nothing in it runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import small_models
import torch
from folder_edits import edit_config, edit_weights
from hub_cache import into_cache
from shared import shared_path

from bertwright.checkpoints.model_folder import ModelFolder, open_model
from bertwright.durable import NewDirectory
from bertwright.errors import (
    BertwrightError,
    DigestError,
    InputError,
    ModelError,
    VocabularyError,
)
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.encoder import BertEncoder
from bertwright.tokenization import Tokenizer


def refused(path: Path, message: str, error: type[BertwrightError] = ModelError) -> None:
    with pytest.raises(error, match=message) as caught:
        open_model(path)
    assert "\n" not in caught.value.message


def test_not_a_folder(tmp_path: Path) -> None:
    refused(tmp_path / "absent", 'a model folder, got "nothing there"')
    (tmp_path / "file").write_text("text")
    refused(tmp_path / "file", 'a model folder, got "a file"')
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", 'a model folder, got "no config.json in it"')


@pytest.mark.parametrize("name", ["bert-base-uncased", "google-bert/bert-base-uncased"])
def test_a_name_of_the_hub(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused(Path(name), f"^{name}: expected a model folder, .*: fetch the folder, e.g. hf download")


def test_a_mistyped_path_is_no_name_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    refused(Path("run/modle"), r'^run/modle: expected a model folder, got "nothing there"$')


def test_a_run_is_told_where_its_model_is(tmp_path: Path, folder: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("run.json", "settings.json"):
        (run / name).write_text("{}")
    refused(run, 'a model folder, got "a pre-training run" .it has no model yet')
    folder.rename(run / "model")
    refused(run, 'run: expected a model folder, got "a pre-training run" .its model is .*run/model.$')


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("store", "a token store. .pretrain makes a model of it"),
        ("vocabulary", "a vocabulary. .prepare and pretrain"),
        ("checkpoint", "a checkpoint of a run"),
        ("comparison", "a comparison"),
        ("features", "stored features"),
    ],
)
def test_what_is_ours_and_no_model(kind: str, message: str, tmp_path: Path) -> None:
    with NewDirectory(tmp_path / "x", kind=kind) as new:
        new.write("vocab.txt", b"a")
    refused(tmp_path / "x", f"x: expected a model folder, got .{message}")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt", "model.npz", ".metadata"])
@pytest.mark.parametrize("with_config", [True, False])
def test_pickled_weights(name: str, with_config: bool, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    if not with_config:
        (folder / "config.json").unlink()
    with (folder / name).open("wb") as file:
        torch.save({"x": 1}, file)
    refused(folder, "pickle is not accepted")
    refused(folder / name, "pickle is not accepted")


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    refused(folder, "a folder with model.safetensors")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected JSON"),
        ("[]", "a JSON object"),
        ("// comment\n{}", "expected JSON"),
        ('{"vocab_size": 1, "vocab_size": 2}', "each key once"),
        ('{"vocab_size": Infinity}', "finite numbers"),
        ("[" * 100_000, "nested at most 64 deep"),
        (" " * (17 << 20), "at most 16,777,216 bytes"),
        ("{}", "vocab_size: missing"),
    ],
    ids=["empty", "list", "comment", "duplicate", "infinity", "deep", "large", "nothing in it"],
)
def test_malformed_configurations(text: str, message: str, folder: Path) -> None:
    (folder / "config.json").write_text(text)
    refused(folder, message)


def test_a_configuration_in_utf16(folder: Path) -> None:
    (folder / "config.json").write_bytes((folder / "config.json").read_text().encode("utf-16"))
    refused(folder, "UTF-8")


@pytest.mark.parametrize("kind", ["bert", "ernie"])
@pytest.mark.parametrize("names", [5, "BertForTokenClassification", [5], {"0": "BertModel"}, ""], ids=repr)
def test_architectures_that_are_no_list_of_names(names: object, kind: str, folder: Path) -> None:
    edit_config(folder, architectures=names, model_type=kind)
    refused(folder, "config.json: architectures: expected a list of class names, got")


def test_vocabulary_of_another_size_names_both(folder: Path) -> None:
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    edit_config(folder, vocab_size=size + 6)
    refused(folder, f"vocab_size {size}, the size of the folder's vocabulary, got {size + 6}")


def test_a_network_larger_than_the_memory(folder: Path) -> None:
    edit_config(folder, num_hidden_layers=10**6)
    refused(folder, r"needs [\d,.]+ GiB of memory, [\d,.]+ GiB are free")


def test_other_sizes_than_the_weights(folder: Path) -> None:
    edit_config(folder, intermediate_size=81)
    refused(folder, r"shape \(81, 48\), got .*\(80, 48\)")
    edit_config(folder, intermediate_size=80, num_hidden_layers=2)
    refused(folder, "tensors that this network does not have: 16")
    edit_config(folder, num_hidden_layers=4)
    refused(folder, "missing tensors: 16")


def test_labels_that_contradict_each_other(folder: Path) -> None:
    edit_config(folder, id2label={"0": "a", "2": "b"})
    refused(folder, 'id2label: expected the ids "0" to "1"')
    edit_config(folder, id2label={"0": "a", "1": "b"}, num_labels=3)
    refused(folder, "num_labels: expected the 2 names of id2label, got 3")


def test_weights_that_are_not_finite(folder: Path) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors["cls.predictions.bias"][:2] = float("inf")

    edit_weights(folder, spoil)
    refused(folder, "tensor cls.predictions.bias: 2 of its numbers are not finite")
    assert isinstance(open_model(folder, allow_nonfinite=True), ModelFolder)


def test_a_decoder_that_contradicts_the_embeddings(folder: Path) -> None:
    def untie(tensors: dict[str, torch.Tensor]) -> None:
        tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"] + 1

    edit_weights(folder, untie)
    refused(folder, "they are tied")


def test_a_broken_vocabulary(folder: Path) -> None:
    (folder / "vocab.txt").write_text("a\na\n")
    refused(folder, "vocab.txt", VocabularyError)


LINKED = ["config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "added_tokens.json"]


@pytest.mark.parametrize("name", LINKED)
def test_links_that_lead_out_of_the_folder(name: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "added_tokens.json").write_text("{}")
    if (folder / name).exists():
        (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    refused(folder, f'{name}: expected a file inside the folder, got "a link to', InputError)


@pytest.mark.parametrize("ours", [True, False])
def test_the_links_of_a_hub_cache_are_followed(ours: bool, saved: Path, folder: Path, tmp_path: Path) -> None:
    snapshot = into_cache(saved if ours else folder, tmp_path / "models--x--y")
    opened = open_model(snapshot)
    assert opened.heads == {"masked_language", "next_sentence"}
    assert opened.manifest.get("digest") == (open_model(saved).manifest["digest"] if ours else None)
    assert Tokenizer.load(snapshot).digest == opened.tokenizer.digest


def test_a_damaged_blob_of_a_hub_cache(saved: Path, tmp_path: Path) -> None:
    snapshot = into_cache(saved, tmp_path / "models--x--y")
    blob = (snapshot / "model.safetensors").resolve()
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(data)
    refused(snapshot, "model.safetensors: expected SHA-256", DigestError)


def test_a_file_that_everyone_may_change_is_noted(folder: Path) -> None:
    os.chmod(folder / "model.safetensors", 0o666)
    assert open_model(folder).notes[0].endswith("model.safetensors: every user of this machine may change it")


def test_missing_head_is_named(saved: Path) -> None:
    with pytest.raises(
        ModelError, match='a model with a sequence head, got "heads: masked_language, next_sentence'
    ):
        open_model(saved).task_model(SequenceClassifier)


def test_the_encoder_of_every_kind_of_folder(saved: Path, tmp_path: Path) -> None:
    kinds = [saved, small_models.save_classifier(tmp_path / "c"), shared_path("golden/model/a")]
    assert all(isinstance(open_model(path).encoder(), BertEncoder) for path in kinds)
