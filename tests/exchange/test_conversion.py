"""Conversion: what is written, what is said of it, and that nothing remains of what is not proven."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_models
import torch
from folder_edits import edit_weights, inputs, logits_of
from shared import shared_path

import bertwright.exchange.conversion as conversion
from bertwright.checkpoints.model_folder import ModelFolder, open_model, save_model
from bertwright.errors import ModelError, OutputExistsError, UsageError
from bertwright.exchange.answers import answers_of, difference
from bertwright.exchange.conversion import convert
from bertwright.exchange.probe import TEXTS
from bertwright.exchange.probe import inputs as probe
from bertwright.exchange.request import Request
from bertwright.exchange.targets import TARGETS
from bertwright.inference.model import load
from bertwright.model.choice_classifier import ChoiceClassifier
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.model.span_classifier import SpanClassifier
from bertwright.model.token_classifier import TokenClassifier

transformers = pytest.importorskip("transformers")


def test_a_tensorflow_checkpoint_opens_there(tmp_path: Path) -> None:
    done = convert(shared_path("golden/model/a"), tmp_path / "out")
    assert done.source_format == "TensorFlow 1"
    assert done.largest == 0
    assert done.differences.keys() == {
        "last_hidden_state",
        "pooled_output",
        "masked_language",
        "next_sentence",
    }
    tensors = done.tensors
    assert (tensors.missing, tensors.retyped) == ((), ())
    assert all(change.name.endswith("kernel") for change in tensors.reshaped)
    theirs, report = transformers.BertForPreTraining.from_pretrained(
        tmp_path / "out", output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    batch = inputs(tmp_path / "out")
    mlm, nsp = logits_of(open_model(shared_path("golden/model/a")).pretraining_model(), batch)
    with torch.no_grad():
        expected = theirs.eval()(**batch)
    torch.testing.assert_close(mlm, expected.prediction_logits.flatten(0, 1), rtol=0, atol=1e-5)
    torch.testing.assert_close(nsp, expected.seq_relationship_logits, rtol=0, atol=1e-5)
    assert open_model(tmp_path / "out").manifest["provenance"]["converted_from"]["format"] == "TensorFlow 1"


def test_what_was_absent_stays_absent_and_is_said(folder: Path, tmp_path: Path) -> None:
    def strip(tensors: dict[str, torch.Tensor]) -> None:
        for name in list(tensors):
            if "pooler" in name or "seq_relationship" in name:
                del tensors[name]
        tensors["lm_head.weight"] = torch.ones(2, 48)
        tensors["bert.embeddings.LayerNorm.bias"] = tensors["bert.embeddings.LayerNorm.bias"].half()

    edit_weights(folder, strip)
    done = convert(folder, tmp_path / "out")
    assert set(done.tensors.missing) == {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "cls.seq_relationship.weight",
        "cls.seq_relationship.bias",
    }
    assert done.tensors.unexpected == ("lm_head.weight",)
    (retyped,) = done.tensors.retyped
    assert vars(retyped) == {
        "name": "bert.embeddings.LayerNorm.bias",
        "before": "float16",
        "after": "float32",
    }
    assert done.differences.keys() == {"last_hidden_state", "masked_language"}
    assert json.loads((tmp_path / "out" / "config.json").read_text())["architectures"] == ["BertForMaskedLM"]
    opened = open_model(tmp_path / "out")
    assert opened.weights.parts == {"encoder", "masked_language_head"}


HEADS: dict[str, Callable[[Path], Path]] = {
    "sequence": small_models.save_classifier,
    "token": lambda path: saved_head(path, TokenClassifier, 3, {"kind": "tag", "labels": ["A", "B", "O"]}),
    "span": lambda path: saved_head(path, SpanClassifier, 2, {"kind": "answer"}),
    "choice": lambda path: saved_head(path, ChoiceClassifier, 1, {"kind": "choose"}),
}


def saved_head(path: Path, cls: type, outputs: int, task: dict[str, object]) -> Path:
    words = small_models.tokenizer()
    model = cls(small_models.config(len(words.vocabulary)), outputs, seed=3)
    save_model(path, model, words, task=task, provenance={"made": "here"})
    return path


@pytest.mark.parametrize("head", HEADS)
def test_every_head_is_carried_with_its_task(head: str, tmp_path: Path) -> None:
    source = HEADS[head](tmp_path / "source")
    done = convert(source, tmp_path / "out")
    assert done.heads == (head,)
    assert done.differences[head] == 0
    first, second = open_model(source), open_model(tmp_path / "out")
    assert second.task == first.task
    assert second.architecture == first.architecture
    provenance = second.manifest["provenance"]
    assert provenance["converted_from"]["digest"] == first.digest
    assert (source / "model.safetensors").read_bytes() == (tmp_path / "out/model.safetensors").read_bytes()


@pytest.mark.parametrize("to", TARGETS)
def test_a_bilstm_on_top_is_kept_or_refused_by_name(to: str, tmp_path: Path) -> None:
    source = small_models.save_topped(tmp_path / "source")
    if TARGETS[to].bilstm:
        done = convert(source, tmp_path / "out", to=to)
        assert done.differences["bilstm"] == 0
        text = ["a film that is not dull"]
        assert load(source).predict(text) == load(tmp_path / "out").predict(text)
        return
    with pytest.raises(ModelError, match=f"for --to {to}, got .one with a BiLSTM on top"):
        convert(source, tmp_path / "out", to=to)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_classifier_without_a_task_of_ours_keeps_its_outputs(folder: Path, tmp_path: Path) -> None:
    config = transformers.BertConfig.from_pretrained(folder, num_labels=4, problem_type="regression")
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    done = convert(folder, tmp_path / "out")
    assert done.differences.keys() == {"last_hidden_state", "pooled_output", "sequence"}
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert theirs.config.num_labels == 4
    assert theirs.config.problem_type == "regression"


def spoiled(change: float) -> Callable[[ModelFolder, Path, Request], None]:
    """A writer that gets one number wrong."""

    def write(folder: ModelFolder, path: Path, request: Request) -> None:
        folder.weights.tensors["encoder.pooler.dense.bias"][0] += change
        TARGETS["hf"].write(folder, path, request)
        folder.weights.tensors["encoder.pooler.dense.bias"][0] -= change

    return write


@pytest.mark.parametrize("change", [0.01, float("nan")])
def test_beyond_the_bound_nothing_is_kept(
    change: float, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = replace(TARGETS["hf"], write=spoiled(change))
    monkeypatch.setattr(conversion, "TARGETS", {"hf": target})
    with pytest.raises(ModelError, match=r"within 2e-05 of the source's|not finite"):
        convert(saved, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    if change == 0.01:
        assert convert(saved, tmp_path / "out", bound=10).largest > 1e-5


def test_a_tokenizer_that_reads_otherwise_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    other = small_models.tokenizer()

    def write(source: ModelFolder, path: Path, request: Request) -> None:
        TARGETS["hf"].write(replace(source, tokenizer=other), path, request)

    monkeypatch.setattr(conversion, "TARGETS", {"hf": replace(TARGETS["hf"], write=write)})
    with pytest.raises(ModelError, match="a tokenizer that reads text as the source's does"):
        convert(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_outputs_are_not_overwritten_unasked(saved: Path, tmp_path: Path) -> None:
    convert(saved, tmp_path / "out")
    before = (tmp_path / "out" / "model.safetensors").read_bytes()
    with pytest.raises(OutputExistsError, match="output exists already"):
        convert(saved, tmp_path / "out")
    convert(saved, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputExistsError, match="not an output of this command"):
        convert(saved, tmp_path / "mine", overwrite=True)
    with pytest.raises(UsageError, match="other than what is read"):
        convert(saved, saved, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "out"]


def test_an_output_that_holds_the_source_is_not_replaced(saved: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    convert(saved, outer)
    convert(saved, outer / "inner")
    convert(saved, tmp_path / "tf1", to="tf1")
    for source, output in (
        (outer / "inner", outer),
        (tmp_path / "tf1" / "bert_model.ckpt", tmp_path / "tf1"),
    ):
        with pytest.raises(UsageError, match="does not hold what is read"):
            convert(source, output, overwrite=True)
        assert open_model(source).heads == open_model(saved).heads
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outer", "tf1"]


def test_wrong_requests(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected one of hf"):
        convert(saved, tmp_path / "out", to="keras")
    for bound in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="bound"):
            convert(saved, tmp_path / "out", bound=bound)
    with pytest.raises(ModelError, match="a model folder"):
        convert(tmp_path / "absent", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_questions_depend_on_tokenizer_and_sizes_alone() -> None:
    words = small_models.tokenizer()
    config = small_models.config(len(words.vocabulary))
    first, again = probe(words, config), probe(words, config)
    assert torch.equal(first.input_ids, again.input_ids)
    assert first.input_ids.shape == (4 + len(TEXTS), small_models.POSITIONS)
    assert first.input_ids.max() < config.vocab_size
    assert first.token_type_ids.max() == 1
    assert not torch.equal(first.input_ids, probe(words, config, seed=1).input_ids)
    short = BertConfig(**{**config.to_dict(), "max_position_embeddings": 2, "type_vocab_size": 1})
    rows = probe(words, short)
    assert rows.input_ids.shape == (4, 2)
    assert rows.token_type_ids.max() == 0


def test_answers_leave_padding_out() -> None:
    words = small_models.tokenizer()
    config = small_models.config(len(words.vocabulary))
    asked = probe(words, config)
    model = BertForPreTraining(config, seed=1).eval()
    hidden = model.encoder(*vars(asked).values()).last_hidden_state
    assert (
        hidden[asked.tokens].shape[0] == int(asked.attention_mask.sum()) < hidden.shape[0] * hidden.shape[1]
    )


def test_differences_need_the_same_outputs() -> None:
    one = {"a": torch.zeros(2, 3), "b": torch.zeros(1)}
    assert difference(one, {"a": torch.full((2, 3), 0.5), "b": torch.zeros(1)}, "x") == {"a": 0.5, "b": 0.0}
    assert np.isnan(difference(one, {**one, "b": torch.tensor([float("nan")])}, "x")["b"])
    with pytest.raises(ModelError, match="the outputs a, b"):
        difference(one, {"a": torch.zeros(2, 3)}, "x")
    with pytest.raises(ModelError, match="answers of shape"):
        difference(one, {**one, "a": torch.zeros(3, 2)}, "x")


def test_answers_are_those_of_the_networks(saved: Path) -> None:
    folder = open_model(saved)
    asked = probe(folder.tokenizer, folder.config)
    answers = answers_of(folder, asked)
    with torch.no_grad():
        whole = folder.encoder()(asked.input_ids, asked.token_type_ids, asked.attention_mask)
    torch.testing.assert_close(answers["pooled_output"], whole.pooled_output)
    assert answers["masked_language"].shape[1] == folder.config.vocab_size
    assert answers["next_sentence"].shape == (asked.input_ids.shape[0], 2)
