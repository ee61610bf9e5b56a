"""Model folders of ours: what they hold, in transformers and back, and what is not saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import small_models
import torch
import transformers
from folder_edits import PAIRS, TEXTS, inputs, logits_of
from shared import shared_path

from bertwright.checkpoints.environment import environment
from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import (
    ModelError,
    OutputExistsError,
)
from bertwright.model.classifier import SequenceClassifier
from bertwright.tokenization.tokenizer import Tokenizer


def test_what_a_folder_holds(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == [
        "README.md",
        "bertwright.json",
        "config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    config = json.loads((saved / "config.json").read_text())
    assert config["architectures"] == ["BertForPreTraining"]
    assert (config["model_type"], config["dtype"]) == ("bert", "float32")
    assert "[MASK]" in (saved / "README.md").read_text()


def test_the_same_model_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = small_models.save_pretrained(tmp_path / "again")
    for path in saved.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_transformers_opens_ours_with_equal_ids_and_logits(saved: Path) -> None:
    theirs = transformers.BertForPreTraining.from_pretrained(saved).eval()
    opened = open_model(saved)
    batch = inputs(saved)
    for row, (text, pair) in enumerate(zip(TEXTS, PAIRS, strict=True)):
        ids = [*opened.tokenizer.encode(text).ids, opened.tokenizer.vocabulary.sep_id]
        ids += opened.tokenizer.encode(pair).ids
        assert batch["input_ids"][row, 1 : 1 + len(ids)].tolist() == ids
    ours = logits_of(opened.pretraining_model(), batch)
    with torch.no_grad():
        output = theirs(**batch)
    torch.testing.assert_close(ours[0], output.prediction_logits.flatten(0, 1), rtol=0, atol=1e-5)
    torch.testing.assert_close(ours[1], output.seq_relationship_logits, rtol=0, atol=1e-5)


def test_a_classifier_goes_to_transformers_and_back_with_its_labels(tmp_path: Path) -> None:
    path = small_models.save_classifier(tmp_path / "classifier")
    opened = open_model(path)
    assert opened.heads == {"sequence"}
    assert opened.labels == small_models.LABELS
    assert opened.task is not None and opened.task["kind"] == "classify"
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(path).eval()
    assert theirs.config.id2label == dict(enumerate(small_models.LABELS))
    batch = inputs(path)
    with torch.no_grad():
        model = opened.task_model(SequenceClassifier)
        ours = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
        torch.testing.assert_close(ours, theirs(**batch).logits, rtol=0, atol=1e-5)


def test_an_encoder_alone(saved: Path, tmp_path: Path) -> None:
    encoder = open_model(saved).encoder()
    save_model(tmp_path / "encoder", encoder, small_models.tokenizer(), task=None, provenance={})
    opened = open_model(tmp_path / "encoder")
    assert opened.heads == frozenset()
    theirs = transformers.AutoModel.from_pretrained(tmp_path / "encoder").eval()
    batch = inputs(saved)
    with torch.no_grad():
        ours = opened.encoder()(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
        torch.testing.assert_close(
            ours.last_hidden_state, theirs(**batch).last_hidden_state, rtol=0, atol=1e-5
        )


def test_compiled_modules_are_saved_as_what_they_wrap(saved: Path, tmp_path: Path) -> None:
    model = torch.compile(open_model(saved).pretraining_model())
    save_model(tmp_path / "model", model, small_models.tokenizer(), task=None, provenance={})
    first, second = (path / "model.safetensors" for path in (saved, tmp_path / "model"))
    assert first.read_bytes() == second.read_bytes()


def test_networks_from_one_folder_share_no_memory(saved: Path) -> None:
    opened = open_model(saved)
    first, second = opened.pretraining_model(), opened.pretraining_model()
    with torch.no_grad():
        first.encoder.pooler.dense.weight.zero_()
    assert float(second.encoder.pooler.dense.weight.detach().abs().sum()) > 0
    assert not first.training
    assert all(parameter.requires_grad for parameter in first.parameters())


def test_a_new_classifier_has_the_stored_encoder_and_a_seeded_layer(saved: Path) -> None:
    opened = open_model(saved)
    first, second = (opened.new_task_model(SequenceClassifier, 3, seed=seed) for seed in (1, 2))
    for name, tensor in opened.encoder().state_dict().items():
        assert torch.equal(first.encoder.state_dict()[name], tensor)
    assert not torch.equal(first.head.output.weight, second.head.output.weight)


def test_provenance_is_kept(saved: Path, tmp_path: Path) -> None:
    model = open_model(saved).pretraining_model()
    facts = {"steps": 3, "data": {"digest": "abc"}}
    save_model(tmp_path / "m", model, small_models.tokenizer(), task=None, provenance=facts, card="# Mine\n")
    manifest = open_model(tmp_path / "m").manifest
    assert manifest["provenance"] == {**facts, "environment": environment()}
    assert len(manifest["digest"]) == 64
    assert (tmp_path / "m" / "README.md").read_text() == "# Mine\n"


def test_nothing_is_overwritten_unasked(saved: Path, tmp_path: Path) -> None:
    model, tokenizer = open_model(saved).encoder(), small_models.tokenizer()
    save_model(tmp_path / "m", model, tokenizer, task=None, provenance={})
    before = (tmp_path / "m" / "bertwright.json").read_bytes()
    with pytest.raises(OutputExistsError):
        save_model(tmp_path / "m", model, tokenizer, task=None, provenance={"new": 1})
    assert (tmp_path / "m" / "bertwright.json").read_bytes() == before
    save_model(tmp_path / "m", model, tokenizer, task=None, provenance={"new": 1}, overwrite=True)
    assert open_model(tmp_path / "m").manifest["provenance"]["new"] == 1


def test_what_does_not_fit_together_is_not_saved(saved: Path, tmp_path: Path) -> None:
    model, tokenizer = open_model(saved).pretraining_model(), small_models.tokenizer()
    other = Tokenizer.load(shared_path("golden/model/a/vocab.txt"))
    with pytest.raises(ModelError, match=f"a vocabulary of {len(tokenizer.vocabulary)} tokens"):
        save_model(tmp_path / "m", model, other, task=None, provenance={})
    with pytest.raises(ModelError, match="3 labels"):
        classifier = SequenceClassifier(model.config, 3)
        save_model(tmp_path / "m", classifier, tokenizer, task={"labels": ["a", "b"]}, provenance={})
    with torch.no_grad():
        model.next_sentence_head.output.bias[0] = float("nan")
    with pytest.raises(ModelError, match=r"next_sentence_head.output.bias: 1 of its numbers are not finite"):
        save_model(tmp_path / "m", model, tokenizer, task=None, provenance={})
    assert list(tmp_path.iterdir()) == []
