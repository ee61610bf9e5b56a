"""Models as TensorFlow 1 folders: what stands there, what comes back, what the original cannot hold."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_models
import torch
import transformers
from folder_edits import edit_config, edit_weights, inputs, logits_of
from shared import shared_path

from bertwright.checkpoints.model_folder import ModelFolder, open_model, save_model
from bertwright.checkpoints.tensorflow.bundle import TensorBundle
from bertwright.checkpoints.tensorflow.bundle_writer import write_bundle
from bertwright.checkpoints.tensorflow.saving import not_taken_over, save_tensorflow
from bertwright.durable import NewDirectory
from bertwright.errors import DigestError, ModelError, OutputExistsError
from bertwright.model.choice_classifier import ChoiceClassifier
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.model.span_classifier import SpanClassifier
from bertwright.model.task_model import TaskModel
from bertwright.model.token_classifier import TokenClassifier
from bertwright.tokenization.settings import TokenizerSettings
from bertwright.tokenization.tokenizer import Tokenizer

HEADS: dict[str, tuple[type[TaskModel], int, dict[str, Any]]] = {
    "sequence": (SequenceClassifier, 3, {"kind": "classify", "labels": list(small_models.LABELS)}),
    "regression": (SequenceClassifier, 1, {"kind": "regress", "problem_type": "regression"}),
    "span": (SpanClassifier, 2, {"kind": "answer", "null_threshold": -1.5}),
    "token": (TokenClassifier, 3, {"kind": "tag", "labels": ["A", "B", "O"]}),
    "choice": (ChoiceClassifier, 1, {"kind": "choose"}),
}


def saved_head(path: Path, head: str) -> ModelFolder:
    cls, outputs, task = HEADS[head]
    words = small_models.tokenizer()
    model = cls(small_models.config(len(words.vocabulary)), outputs, seed=3)
    save_model(path, model, words, task=task, provenance={"made": "here"})
    return open_model(path)


def assert_equal(first: ModelFolder, second: ModelFolder) -> None:
    """Same network, same bits, same reading of text."""
    assert second.config == first.config
    assert second.weights.parts == first.weights.parts
    assert second.weights.tensors.keys() == first.weights.tensors.keys()
    for name, tensor in first.weights.tensors.items():
        assert second.weights.tensors[name].numpy().tobytes() == tensor.numpy().tobytes(), name
    assert second.tokenizer.digest == first.tokenizer.digest


def test_what_stands_in_the_folder(saved: Path, tmp_path: Path) -> None:
    save_tensorflow(tmp_path / "tf", open_model(saved))
    assert sorted(path.name for path in (tmp_path / "tf").iterdir()) == [
        "bert_config.json",
        "bert_model.ckpt.data-00000-of-00001",
        "bert_model.ckpt.index",
        "bertwright.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    config = json.loads((tmp_path / "tf" / "bert_config.json").read_text())
    theirs = json.loads(shared_path("golden/model/a/bert_config.json").read_text())
    assert config.keys() == theirs.keys()
    assert config["hidden_act"] == "gelu"
    assert (tmp_path / "tf" / "vocab.txt").read_bytes() == (saved / "vocab.txt").read_bytes()


def test_the_names_and_shapes_are_the_originals(tmp_path: Path) -> None:
    """Golden ``a`` through our folder is the original's checkpoint again, to the byte."""
    source = shared_path("golden/model/a")
    save_tensorflow(tmp_path / "tf", open_model(source))
    for suffix in ("index", "data-00000-of-00001"):
        ours, theirs = tmp_path / "tf" / f"bert_model.ckpt.{suffix}", source / f"model.ckpt.{suffix}"
        assert ours.read_bytes() == theirs.read_bytes()
    assert (tmp_path / "tf" / "vocab.txt").read_text().split() == (source / "vocab.txt").read_text().split()


def test_there_and_back_with_both_pretraining_heads(saved: Path, tmp_path: Path) -> None:
    first = open_model(saved)
    save_tensorflow(tmp_path / "tf", first)
    second = open_model(tmp_path / "tf")
    assert_equal(first, second)
    assert second.notes == ()
    assert second.task is None
    save_model(tmp_path / "again", second.pretraining_model(), second.tokenizer, task=None, provenance={})
    for name in ("model.safetensors", "vocab.txt", "config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes(), name


@pytest.mark.parametrize("head", ["sequence", "regression", "span"])
def test_heads_that_the_original_has_come_back_with_their_task(head: str, tmp_path: Path) -> None:
    first = saved_head(tmp_path / "ours", head)
    save_tensorflow(tmp_path / "tf", first)
    second = open_model(tmp_path / "tf")
    assert_equal(first, second)
    assert (second.task, second.heads, second.notes) == (first.task, first.heads, ())
    assert second.manifest["provenance"] == first.manifest["provenance"]
    name = "cls/squad/output_weights" if head == "span" else "output_weights"
    assert TensorBundle(tmp_path / "tf" / "bert_model.ckpt").entries[name].shape == (HEADS[head][1], 48)
    cls = HEADS[head][0]
    state = second.task_model(cls).state_dict()
    for key, tensor in first.task_model(cls).state_dict().items():
        if "pooler" not in key or cls.pools:
            assert torch.equal(state[key], tensor)


@pytest.mark.parametrize("head", ["token", "choice"])
def test_heads_that_the_original_lacks_are_refused(head: str, tmp_path: Path) -> None:
    folder = saved_head(tmp_path / "ours", head)
    with pytest.raises(ModelError, match=f'a head that the original has: .*, got "a {head} head"'):
        save_tensorflow(tmp_path / "tf", folder)
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]


def test_a_fine_tuned_checkpoint_without_our_manifest_says_what_it_can(tmp_path: Path) -> None:
    for head, expected in (
        ("sequence", {"kind": "classify", "labels": ["LABEL_0", "LABEL_1", "LABEL_2"]}),
        ("regression", {"kind": "regress"}),
        ("span", {"kind": "answer"}),
    ):
        save_tensorflow(tmp_path / f"tf-{head}", saved_head(tmp_path / head, head))
        (tmp_path / f"tf-{head}" / "bertwright.json").unlink()
        task = open_model(tmp_path / f"tf-{head}").task
        assert task is not None and task.items() >= expected.items()


def masked_only(folder: Path) -> None:
    def strip(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if "pooler" in name or "seq_relationship" in name]:
            del tensors[name]

    edit_weights(folder, strip)


def test_what_is_absent_stays_absent_and_is_said(folder: Path, tmp_path: Path) -> None:
    masked_only(folder)
    save_tensorflow(tmp_path / "tf", open_model(folder))
    opened = open_model(tmp_path / "tf")
    assert opened.weights.parts == {"encoder", "masked_language_head"}
    assert not_taken_over(opened) == ("no pooler is stored: the original starts one from initial weights",)


def test_what_the_originals_tokenizer_does_otherwise_is_said(folder: Path, tmp_path: Path) -> None:
    settings = {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}
    longest = TokenizerSettings(max_input_chars_per_word=100)
    plain = Tokenizer(open_model(folder).tokenizer.vocabulary, longest)
    (folder / "tokenizer.json").write_bytes(plain.files()["tokenizer.json"])
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    first = open_model(folder)
    save_tensorflow(tmp_path / "tf", first)
    second = open_model(tmp_path / "tf")
    assert_equal(first, second)
    notes = not_taken_over(second)
    assert "strip_accents is True, tokenize_chinese_chars False" in notes[0]
    assert "words of up to 200 characters; here max_input_chars_per_word is 100" in notes[1]
    assert "--do_lower_case=False" in notes[2]
    assert second.tokenizer.settings == first.tokenizer.settings


def untie(tensors: dict[str, torch.Tensor]) -> None:
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"] + 1
    tensors["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"].clone()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "gelu"}, "hidden_act: expected one of gelu_pytorch_tanh.*tanh form"),
        ({"hidden_act": "silu"}, "hidden_act: expected one of gelu_pytorch_tanh"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings: expected true"),
        ({"is_decoder": True}, "is_decoder: expected false"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps: expected 1e-12, which is fixed in the original"),
    ],
)
def test_networks_that_the_original_would_compute_otherwise(
    changes: dict[str, Any], message: str, folder: Path, tmp_path: Path
) -> None:
    edit_config(folder, **changes)
    if "tie_word_embeddings" in changes:
        edit_weights(folder, untie)
    with pytest.raises(ModelError, match=message):
        save_tensorflow(tmp_path / "tf", open_model(folder))
    assert not (tmp_path / "tf").exists()


@pytest.mark.parametrize(
    ("act", "stored"), [("gelu_new", "gelu"), ("relu", "relu"), ("tanh", "tanh"), ("linear", "linear")]
)
def test_activations_and_padding_come_back(act: str, stored: str, folder: Path, tmp_path: Path) -> None:
    edit_config(folder, hidden_act=act, pad_token_id=3)
    save_tensorflow(tmp_path / "tf", open_model(folder))
    assert json.loads((tmp_path / "tf" / "bert_config.json").read_text())["hidden_act"] == stored
    opened = open_model(tmp_path / "tf")
    assert opened.config.hidden_act == ("gelu_pytorch_tanh" if stored == "gelu" else act)
    assert opened.config.pad_token_id == 3


def test_nothing_is_overwritten_unasked(saved: Path, tmp_path: Path) -> None:
    folder = open_model(saved)
    save_tensorflow(tmp_path / "tf", folder)
    with pytest.raises(OutputExistsError):
        save_tensorflow(tmp_path / "tf", folder)
    save_tensorflow(tmp_path / "tf", folder, provenance={"again": True}, overwrite=True)
    assert open_model(tmp_path / "tf").manifest["provenance"] == {"again": True}
    shutil.copytree(shared_path("models/tiny-tf-checkpoint"), tmp_path / "theirs")
    os.chmod(tmp_path / "theirs", 0o755)
    with pytest.raises(OutputExistsError, match="not an output of this command"):
        save_tensorflow(tmp_path / "theirs", folder, overwrite=True)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["bert_config.json", "vocab.txt", "bert_model.ckpt.index"])
def test_a_flipped_bit_is_noticed(name: str, saved: Path, tmp_path: Path) -> None:
    save_tensorflow(tmp_path / "tf", open_model(saved))
    flip(tmp_path / "tf" / name)
    with pytest.raises(DigestError, match=name):
        open_model(tmp_path / "tf")


@pytest.mark.parametrize("change", [dict.clear, lambda config: config.update(hidden_size=5)])
def test_a_configuration_that_does_not_fit(
    change: Callable[[dict[str, Any]], None], saved: Path, tmp_path: Path
) -> None:
    save_tensorflow(tmp_path / "tf", open_model(saved))
    (tmp_path / "tf" / "bertwright.json").unlink()
    path = tmp_path / "tf" / "bert_config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"bert_config.json: "):
        open_model(tmp_path / "tf")


def by_hand(name: str) -> str:
    """The original's name in ``transformers``, by rules that are written here and nowhere else."""
    for old, new in (
        ("layer_", "layer."),
        ("kernel", "weight"),
        ("gamma", "weight"),
        ("beta", "bias"),
        ("output_weights", "weight"),
        ("output_bias", "bias"),
        ("/", "."),
    ):
        name = name.replace(old, new)
    return name + ".weight" if name.endswith("_embeddings") else name


def test_a_published_checkpoint_gives_the_answers_of_another_reading(tmp_path: Path) -> None:
    """``tiny-tf-checkpoint``, its tensors renamed by rules of this test, in ``transformers``."""
    source = shared_path("models/tiny-tf-checkpoint")
    opened = open_model(source)
    assert opened.notes[1].startswith("93 tensors of an optimizer are not used: ")
    bundle = TensorBundle(source / "bert_model.ckpt")
    state = {}
    for name in bundle.entries:
        if name != "global_step" and "adam" not in name:
            tensor = bundle.read(name)
            state[by_hand(name)] = tensor.t() if name.endswith("kernel") else tensor
    config = transformers.BertConfig(**opened.config.to_dict())
    theirs = transformers.BertForPreTraining(config).eval()
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert set(missing) == {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias"}
    assert unexpected == []
    ids = torch.randint(0, opened.config.vocab_size, (3, 9), generator=torch.Generator().manual_seed(1))
    batch = {
        "input_ids": ids,
        "token_type_ids": torch.tensor([[0] * 5 + [1] * 4] * 3),
        "attention_mask": torch.ones_like(ids),
    }
    ours = logits_of(opened.pretraining_model(), batch)
    with torch.no_grad():
        output = theirs(**batch)
    expected = output.prediction_logits.flatten(0, 1), output.seq_relationship_logits
    for own, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=2e-5)
    save_tensorflow(tmp_path / "tf", opened)
    assert_equal(opened, open_model(tmp_path / "tf"))
    again = logits_of(open_model(tmp_path / "tf").pretraining_model(), batch)
    assert all(torch.equal(first, second) for first, second in zip(ours, again, strict=True))


def test_logits_stay_to_the_bit(saved: Path, tmp_path: Path) -> None:
    save_tensorflow(tmp_path / "tf", open_model(saved))
    batch = inputs(saved)
    first, second = (open_model(path).pretraining_model() for path in (saved, tmp_path / "tf"))
    assert isinstance(first, BertForPreTraining)
    for ours, theirs in zip(logits_of(first, batch), logits_of(second, batch), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("number", [float("nan"), 1e300])
def test_weights_that_are_not_finite_as_float32(number: float, saved: Path, tmp_path: Path) -> None:
    save_tensorflow(tmp_path / "tf", open_model(saved))
    (tmp_path / "tf" / "bertwright.json").unlink()
    prefix = tmp_path / "tf" / "bert_model.ckpt"
    bundle = TensorBundle(prefix)
    tensors = {name: bundle.read(name).double() for name in bundle.entries}
    tensors["bert/pooler/dense/bias"][3] = number
    with NewDirectory(tmp_path / "changed", kind="model") as new:
        write_bundle(new, prefix.name, tensors)
    for path in (tmp_path / "changed").glob("bert_model*"):
        path.replace(tmp_path / "tf" / path.name)
    with pytest.raises(ModelError, match=r"tensor bert/pooler/dense/bias: 1 of its numbers are not finite"):
        open_model(tmp_path / "tf")
    opened = open_model(tmp_path / "tf", allow_nonfinite=True)
    assert "weights are stored as float64 and were rounded to float32" in opened.notes
