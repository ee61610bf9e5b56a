"""Regression end to end: scale and offset go into the weights, also as transformers opens them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import ModelError
from bertwright.inference.model import load
from bertwright.inference.prediction_file import predict_file
from bertwright.model.classifier import SequenceClassifier
from bertwright.tables.columns import Columns
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.examples import Example
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.regress.settings import RegressSettings
from bertwright.tasks.regress.task import RegressTask
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tokenization import Tokenizer

WORDS = {"awful": -2, "poor": -1, "film": 0, "fine": 1, "superb": 2}


def scored(path: Path, count: int, seed: int) -> Path:
    """Texts of three words, each with a worth; the score is 500 + 40 times their sum."""
    chance = random.Random(seed)
    rows = [chance.choices(list(WORDS), k=3) for _ in range(count)]
    lines = [f"{' '.join(words)}\t{500 + 40 * sum(WORDS[word] for word in words)}\n" for words in rows]
    path.write_text("text\tscore\n" + "".join(lines))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, pretrained: Path) -> tuple[Path, Path, Any]:
    folder = tmp_path_factory.mktemp("regress")
    train, dev = scored(folder / "train.tsv", 300, 1), scored(folder / "dev.tsv", 60, 2)
    settings = FinetuneSettings(
        learning_rate=0.005, epochs=12, batch_size=16, regress=RegressSettings(minimum=260, maximum=740)
    )
    summary = finetune(
        pretrained, kind="regress", train=train, dev=dev, output=folder / "model", settings=settings
    )
    return folder / "model", dev, summary


def test_numbers_of_any_range_are_learned(trained: tuple[Path, Path, Any]) -> None:
    model, dev, summary = trained
    assert summary.metric == "pearson_and_spearman"
    assert summary.metrics["pearson"] > 0.9
    assert summary.metrics["mean_absolute_error"] < 0.5 * summary.baseline["mean_absolute_error"]
    assert summary.baseline["pearson"] == 0.0
    result = evaluate(model, dev)
    for name, value in summary.metrics.items():
        assert result.metrics[name] == pytest.approx(value, rel=1e-4), name


def test_the_stored_model_gives_the_number_itself(trained: tuple[Path, Path, Any], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model, dev, _ = trained
    config = json.loads((model / "config.json").read_text())
    assert config["problem_type"] == "regression"
    texts = [line.split("\t")[0] for line in dev.read_text().splitlines()[1:9]]
    ours = load(model)
    given = [answer.to_dict() for answer in ours.predict(texts)]
    assert set(given[0]) == {"value", "truncated"} and given[0]["truncated"] is False
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(model).eval()
    assert type(theirs).__name__ == "BertForSequenceClassification" and theirs.config.num_labels == 1
    for text, answer in zip(texts, given, strict=True):
        (row,) = ours.task.encode([text])
        with torch.inference_mode():
            logits = theirs(input_ids=torch.from_numpy(row.input_ids[None].astype(np.int64))).logits
        assert logits.item() == pytest.approx(answer["value"], abs=1e-3)
    predict_file(ours, dev, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["value"] for line in lines[:8]] == pytest.approx([answer["value"] for answer in given])


def test_a_folder_of_transformers_opens(tmp_path: Path, tokenizer: Tokenizer) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=len(tokenizer.vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=20, num_labels=1, problem_type="regression",
    )  # fmt: skip
    theirs = transformers.BertForSequenceClassification(config).eval()
    theirs.save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("".join(f"{token}\n" for token in tokenizer.vocabulary.tokens))
    ours = load(tmp_path)
    assert isinstance(ours.task, RegressTask)
    (row,) = ours.task.encode(["a fine film"])
    with torch.inference_mode():
        logits = theirs(input_ids=torch.from_numpy(row.input_ids[None].astype(np.int64))).logits
    (answer,) = ours.predict(["a fine film"])
    assert answer.to_dict()["value"] == pytest.approx(logits.item(), abs=1e-5)


def test_sealing_changes_no_answer(pretrained: Path, tokenizer: Tokenizer) -> None:
    task = RegressTask(tokenizer, Columns("text", None, "score"), 20, offset=500.0, scale=80.0)
    model = task.new_model(open_model(pretrained), seed=1).eval()
    rows = task.encode([Example("a fine film", target=580.0), Example("the plot", target=420.0)])
    assert [row.target for row in rows] == [1.0, -1.0]
    with torch.inference_mode():
        inputs = [torch.from_numpy(row.input_ids[None].astype(np.int64)) for row in rows]
        before = [model(ids)[0].numpy() for ids in inputs]
        sealed = task.sealed(model)
        after = [model(ids)[0].numpy() for ids in inputs]
    expected = [answer.value for answer in task.decode(before, rows, rows)]
    assert (sealed.offset, sealed.scale) == (0.0, 1.0)
    assert [answer.value for answer in sealed.decode(after, rows, rows)] == pytest.approx(expected, rel=1e-5)


def test_predictions_are_clipped_only_when_asked(tokenizer: Tokenizer) -> None:
    outputs = [np.array([value], np.float32) for value in (-1.0, 2.0, 9.0)]
    for clip, expected in ((False, [-1, 2, 9]), (True, [0, 2, 5])):
        task = RegressTask(
            tokenizer, Columns(), 20, settings=RegressSettings(minimum=0, maximum=5, clip=clip)
        )
        rows = task.encode(["a", "the", "film"])
        assert [answer.value for answer in task.decode(outputs, rows, rows)] == expected


def test_constant_answers_are_stuck(tokenizer: Tokenizer) -> None:
    task = RegressTask(tokenizer, Columns(), 20, offset=3.0, scale=2.0)
    rows = task.encode([Example("a", target=1.0), Example("the", target=5.0)])
    flat = [np.array([0.5], np.float32), np.array([0.501], np.float32)]
    assert task.stuck(flat, rows) == "every row was given the number 4.001"
    assert task.stuck([np.array([0.5], np.float32), np.array([0.9], np.float32)], rows) is None


@pytest.mark.parametrize("edit", [{"scale": "1"}, {"offset": True}, {"max_length": 1000}, {"minimum": "low"}])
def test_a_stored_task_that_is_none_is_refused(
    tmp_path: Path, pretrained: Path, tokenizer: Tokenizer, edit: dict[str, object]
) -> None:
    folder = open_model(pretrained)
    task = RegressTask(tokenizer, Columns("text", None, "score"), 20)
    model, stored = SequenceClassifier(folder.config, 1), task.to_dict() | edit
    save_model(tmp_path / "m", model, tokenizer, task=stored, provenance={})
    with pytest.raises(ModelError, match="task"):
        RegressTask.of_folder(open_model(tmp_path / "m"))
