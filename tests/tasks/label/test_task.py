"""Several labels a row, end to end: learned, stored, opened by transformers, scored and predicted."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bertwright.checkpoints.model_folder import open_model
from bertwright.errors import ModelError, TableError
from bertwright.inference.model import load
from bertwright.inference.prediction_file import predict_file
from bertwright.tables.columns import Columns
from bertwright.tasks.batches import collate
from bertwright.tasks.classify.settings import ClassifySettings
from bertwright.tasks.classify.task import ClassifyTask
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.examples import Example
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.kinds import open_task, task_kind
from bertwright.tasks.label.task import LabelTask
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tokenization import Tokenizer

WORDS = {"fine": "good", "dull": "bad", "actor": "cast"}


def rows(path: Path, count: int, seed: int) -> Path:
    chance = random.Random(seed)
    lines = []
    for _ in range(count):
        words = [word for word in WORDS if chance.random() < 0.5]
        labels = [WORDS[word] for word in words]
        text = " ".join(chance.sample(["the", "film", *words], len(words) + 2))
        lines.append(json.dumps({"text": text, "labels": labels}) + "\n")
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, pretrained: Path) -> tuple[Path, Path, Any]:
    folder = tmp_path_factory.mktemp("labels")
    train, dev = rows(folder / "train.jsonl", 300, 1), rows(folder / "dev.jsonl", 50, 2)
    chosen = ClassifySettings(fit_threshold=True)
    settings = FinetuneSettings(learning_rate=0.003, epochs=25, batch_size=8, classify=chosen)
    summary = finetune(pretrained, train=train, dev=dev, output=folder / "model", settings=settings)
    return folder / "model", dev, summary


def test_it_learns_evaluates_and_predicts(trained: tuple[Path, Path, Any], tmp_path: Path) -> None:
    model, dev, summary = trained
    assert summary.metrics["f1_micro"] > 0.9 > summary.baseline["f1_micro"] + 0.2
    result = evaluate(model, dev)
    assert result.metrics == pytest.approx(summary.metrics, abs=1e-6)
    assert json.loads(result.to_json_lines().splitlines()[0])["target"] == list(result.targets[0])
    predict_file(load(model), dev, tmp_path / "out.jsonl")
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    truth = [json.loads(line)["labels"] for line in dev.read_text().splitlines()]
    exact = np.mean([sorted(a["labels"]) == sorted(t) for a, t in zip(answers, truth, strict=True)])
    assert exact == pytest.approx(summary.metrics["exact_match"])
    assert set(answers[0]) == {"row", "labels", "probabilities", "truncated"}
    stored = open_model(model).task or {}
    assert stored["kind"] == "classify" and len(stored["thresholds"]) == 3


def test_transformers_gives_the_same_probabilities(trained: tuple[Path, Path, Any]) -> None:
    transformers = pytest.importorskip("transformers")
    model, _, _ = trained
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(model).eval()
    assert theirs.config.problem_type == "multi_label_classification"
    ours = load(model)
    batch = collate(ours.task.encode([Example("the fine actor", target=("good", "cast"))]), 0)
    with torch.inference_mode():
        output = theirs(batch.input_ids, token_type_ids=batch.token_type_ids, labels=batch.targets)
    (answer,) = ours.predict(["the fine actor"])
    names = [theirs.config.id2label[index] for index in range(3)]
    expected = dict(zip(names, output.logits[0].sigmoid().tolist(), strict=True))
    assert answer.to_dict()["probabilities"] == pytest.approx(expected, abs=1e-5)
    assert ours.task.loss(output.logits, batch).item() == pytest.approx(output.loss.item(), abs=1e-6)


def test_a_list_is_asked_for_or_guessed(tmp_path: Path, pretrained: Path, tokenizer: Tokenizer) -> None:
    classify = task_kind("classify")
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabel\nx\ta|b\ny\ta\n")
    for chosen, expected in (
        (ClassifySettings(), ClassifyTask),
        (ClassifySettings(separator="|"), LabelTask),
        (ClassifySettings(multi_label=True), LabelTask),
    ):
        settings = FinetuneSettings(classify=chosen)
        assert isinstance(classify.pose(path, Columns(), tokenizer, 20, "auto", settings).task, expected)
    lists = rows(tmp_path / "a.jsonl", 9, 1)
    assert isinstance(
        classify.pose(lists, Columns(), tokenizer, 20, "auto", FinetuneSettings()).task, LabelTask
    )
    with pytest.raises(TableError, match="expected a label, got"):
        settings = FinetuneSettings(classify=ClassifySettings(multi_label=False))
        classify.pose(lists, Columns(), tokenizer, 20, "auto", settings)


def test_constant_answers_are_stuck(tokenizer: Tokenizer) -> None:
    task = LabelTask(tokenizer, ("a", "b"), Columns(), 20, (0.5, 0.5))
    encoded = task.encode([Example("the", target=("a",)), Example("film", target=())])
    assert task.stuck([np.array([-1, -2], np.float32)] * 2, encoded) == "every row was given no label"
    assert task.stuck([np.array([1, -2], np.float32)] * 2, encoded) == "every row was given the labels a"
    varied = [np.array([-1, -2], np.float32), np.array([-3, -2], np.float32)]
    assert task.stuck(varied, encoded) is None  # it tells rows apart, though no answer shows it


@pytest.mark.parametrize("edit", [{"thresholds": [0.5]}, {"thresholds": [2.0, 0.5, 0.5]}, {"separator": ""}])
def test_a_stored_task_that_is_none_is_refused(trained: tuple[Path, Path, Any], edit: dict[str, Any]) -> None:
    folder = open_model(trained[0])
    with pytest.raises(ModelError, match="task"):
        open_task(replace(folder, manifest={**folder.manifest, "task": {**(folder.task or {}), **edit}}))
