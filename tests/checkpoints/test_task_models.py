"""Models for a task, saved and opened again, here and in transformers, both ways: equal logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_models
import torch

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import ModelError
from bertwright.model.choice_classifier import ChoiceClassifier
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.span_classifier import SpanClassifier
from bertwright.model.task_model import TaskModel
from bertwright.model.token_classifier import TokenClassifier

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
