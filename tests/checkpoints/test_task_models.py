"""Models for a task, saved and opened again, here and in transformers, both ways: equal logits."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import small_models
import torch

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import ModelError
from bertwright.model.choice_classifier import ChoiceClassifier
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.config import BertConfig
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.model.span_classifier import SpanClassifier
from bertwright.model.task_model import TaskModel
from bertwright.model.token_classifier import TokenClassifier
from bertwright.tokenization.tokenizer import Tokenizer

transformers = pytest.importorskip("transformers")

TAGS = ["B-LOC", "I-LOC", "O"]
CASES: dict[str, tuple[type[TaskModel], int, dict[str, Any]]] = {
    "BertForTokenClassification": (TokenClassifier, 3, {"kind": "tag", "labels": TAGS}),
    "BertForQuestionAnswering": (SpanClassifier, 2, {"kind": "answer"}),
    "BertForMultipleChoice": (ChoiceClassifier, 1, {"kind": "choose"}),
    "BertForSequenceClassification": (
        SequenceClassifier,
        1,
        {"kind": "regress", "problem_type": "regression"},
    ),
}


def batch() -> dict[str, torch.Tensor]:
    """Two rows, the second with padding."""
    ids = torch.randint(5, 60, (2, 9), generator=torch.Generator().manual_seed(3))
    mask = torch.ones(2, 9, dtype=torch.long)
    mask[1, 6:] = 0
    return {"input_ids": ids * mask, "token_type_ids": torch.zeros_like(ids), "attention_mask": mask}


def their_logits(model: Any, choices: bool) -> torch.Tensor:
    rows = {name: value[None] for name, value in batch().items()} if choices else batch()
    with torch.no_grad():
        output = model(**rows)
    if hasattr(output, "start_logits"):
        return torch.stack([output.start_logits, output.end_logits], dim=-1)
    return output.logits.T if choices else output.logits


def our_logits(model: TaskModel) -> torch.Tensor:
    rows = batch()
    with torch.no_grad():
        return model.eval()(rows["input_ids"], rows["token_type_ids"], rows["attention_mask"])


def assert_equal(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Where there are tokens: at padding logits mean nothing."""
    kept = batch()["attention_mask"].bool() if ours.dim() == 3 else slice(None)
    torch.testing.assert_close(ours[kept], theirs[kept], atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", CASES)
def test_ours_opens_there(architecture: str, tmp_path: Path) -> None:
    cls, outputs, task = CASES[architecture]
    words = small_models.tokenizer()
    model = cls(small_models.config(len(words.vocabulary)), outputs, seed=4)
    save_model(tmp_path / "model", model, words, task=task, provenance={})
    theirs, report = getattr(transformers, architecture).from_pretrained(
        tmp_path / "model", output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert theirs.config.architectures == [architecture]
    assert_equal(our_logits(model), their_logits(theirs.eval(), cls is ChoiceClassifier))
    opened = open_model(tmp_path / "model")
    assert opened.heads == {cls.head_name}
    assert opened.notes == ()
    assert opened.task is not None and opened.task["kind"] == task["kind"]
    assert torch.equal(our_logits(opened.task_model(cls)), our_logits(model))
    if "labels" in task:
        assert theirs.config.id2label == dict(enumerate(TAGS))
    assert theirs.config.problem_type == task.get("problem_type")


@pytest.mark.parametrize("architecture", CASES)
def test_theirs_opens_here(architecture: str, tmp_path: Path) -> None:
    cls, outputs, task = CASES[architecture]
    words = small_models.tokenizer()
    config = transformers.BertConfig(
        **small_models.config(len(words.vocabulary)).to_dict(), num_labels=max(outputs, 1)
    )
    torch.manual_seed(5)
    theirs = getattr(transformers, architecture)(config).eval()
    theirs.save_pretrained(tmp_path)
    for name, data in words.files().items():
        (tmp_path / name).write_bytes(data)
    opened = open_model(tmp_path)
    assert opened.architecture == architecture
    assert opened.task is not None and opened.task["kind"] == task["kind"]
    assert_equal(our_logits(opened.task_model(cls)), their_logits(theirs, cls is ChoiceClassifier))


def test_another_head_is_refused(tmp_path: Path) -> None:
    words = small_models.tokenizer()
    model = TokenClassifier(small_models.config(len(words.vocabulary)), 3)
    save_model(tmp_path / "model", model, words, task=CASES["BertForTokenClassification"][2], provenance={})
    with pytest.raises(ModelError, match='a model with a sequence head, got "heads: token"'):
        open_model(tmp_path / "model").task_model(SequenceClassifier)


def test_a_new_layer_keeps_the_encoder(tmp_path: Path) -> None:
    opened = open_model(small_models.save_pretrained(tmp_path / "model"))
    first, second = (opened.new_task_model(TokenClassifier, 3, seed=seed) for seed in (1, 2))
    for name, tensor in opened.encoder().state_dict().items():
        assert torch.equal(first.encoder.state_dict()[name], tensor)
    assert not torch.equal(
        first.state_dict()["head.output.weight"], second.state_dict()["head.output.weight"]
    )


# -- left-to-right models -------------------------------------------------------------------------------

WHOLE_ROWS = ("BertForMultipleChoice", "BertForSequenceClassification")
"""Classes whose output layer reads the pooled output."""


def left_to_right(words: Tokenizer) -> BertConfig:
    return small_models.config(len(words.vocabulary)).model_copy(update={"is_decoder": True})


@pytest.mark.parametrize("architecture", CASES)
def test_left_to_right_models_there(architecture: str, tmp_path: Path) -> None:
    """The classes of transformers keep the causal attention; those for whole rows read another token."""
    cls, outputs, task = CASES[architecture]
    words = small_models.tokenizer()
    config = left_to_right(words)
    language = BertForPreTraining(config, seed=4)
    save_model(tmp_path / "language", language, words, task=None, provenance={})
    model = open_model(tmp_path / "language").new_task_model(cls, outputs, seed=7)
    save_model(tmp_path / "model", model, words, task=task, provenance={})
    opened = open_model(tmp_path / "model")
    assert opened.config == model.config and opened.config.is_decoder
    assert torch.equal(our_logits(opened.task_model(cls)), our_logits(model))
    theirs = getattr(transformers, architecture).from_pretrained(tmp_path / "model").eval()
    assert theirs.config.is_decoder
    given = their_logits(theirs, cls is ChoiceClassifier)
    if architecture not in WHOLE_ROWS:
        assert_equal(our_logits(model), given)
        return
    assert (opened.config.pooled_token, theirs.config.pooled_token) == ("last", "last")
    card = (tmp_path / "model/README.md").read_text()
    assert "they read the first token" in card and "from transformers import" not in card
    # What the card says: theirs answers from [CLS] alone, ours from all that the row has.
    first = dataclasses.replace(opened, config=opened.config.model_copy(update={"pooled_token": "first"}))
    assert_equal(our_logits(first.task_model(cls)), given)
    assert float((our_logits(model) - given).abs().max()) > 1e-2


@pytest.mark.parametrize("architecture", WHOLE_ROWS)
def test_their_left_to_right_models_of_whole_rows_answer_as_there(architecture: str, tmp_path: Path) -> None:
    """Where the folder does not say which token is read, it is the first, as in the class it names."""
    cls, outputs, _ = CASES[architecture]
    words = small_models.tokenizer()
    config = transformers.BertConfig(**left_to_right(words).to_dict(), num_labels=outputs)
    torch.manual_seed(5)
    theirs = getattr(transformers, architecture)(config).eval()
    theirs.save_pretrained(tmp_path)
    for name, data in words.files().items():
        (tmp_path / name).write_bytes(data)
    opened = open_model(tmp_path)
    assert_equal(our_logits(opened.task_model(cls)), their_logits(theirs, cls is ChoiceClassifier))
    assert opened.new_task_model(cls, outputs).config.pooled_token == "last"  # a new layer does better


def test_a_left_to_right_language_model_both_ways(tmp_path: Path) -> None:
    words = small_models.tokenizer()
    ours = BertForPreTraining(left_to_right(words), seed=4).eval()
    save_model(tmp_path / "ours", ours, words, task=None, provenance={})
    theirs, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    assert type(theirs) is transformers.BertLMHeadModel
    assert not report["missing_keys"] and not report["unexpected_keys"]
    theirs.eval().save_pretrained(tmp_path / "theirs")
    for name, data in words.files().items():
        (tmp_path / "theirs" / name).write_bytes(data)
    rows = batch()
    tokens = rows["attention_mask"].flatten().nonzero().squeeze(1)
    with torch.no_grad():
        expected = theirs(**rows).logits.flatten(0, 1)[tokens]
        for path in ("ours", "theirs"):
            opened = open_model(tmp_path / path)
            assert (opened.architecture, opened.heads) == ("BertLMHeadModel", {"left_to_right"})
            assert opened.notes == () and opened.task is None
            again = opened.pretraining_model(require=["left_to_right"])
            logits = again(*rows.values(), tokens).mlm_logits
            torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)
            with pytest.raises(ModelError, match="a masked language head"):
                opened.pretraining_model(require=["masked_language"])


def test_masked_words_alone_save_no_parts_for_pairs(tmp_path: Path) -> None:
    words = small_models.tokenizer()
    model = BertForPreTraining(small_models.config(len(words.vocabulary)), seed=4)
    model.pairs = False
    save_model(tmp_path / "model", model, words, task=None, provenance={})
    theirs, report = transformers.AutoModelForMaskedLM.from_pretrained(
        tmp_path / "model", output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert theirs.config.architectures == ["BertForMaskedLM"]
    opened = open_model(tmp_path / "model")
    assert opened.heads == {"masked_language"}
    assert not opened.pretraining_model(require=()).pairs
