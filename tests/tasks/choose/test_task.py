"""Multiple choice end to end: learned, stored, opened by transformers, scored and predicted."""

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
from bertwright.errors import ModelError
from bertwright.inference.model import load
from bertwright.inference.prediction_file import predict_file
from bertwright.tables.columns import Columns
from bertwright.tasks.batches import collate
from bertwright.tasks.choose.answers import name_of, place_of
from bertwright.tasks.choose.metrics import choice_metrics
from bertwright.tasks.choose.question import Question
from bertwright.tasks.choose.task import ChooseTask
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tokenization import Tokenizer

GOOD, BAD = ["fine", "lovely", "great"], ["dull", "poor", "awful"]


def questions(path: Path, count: int, seed: int) -> Path:
    """Two to four choices, of which one is good."""
    chance = random.Random(seed)
    lines = []
    for _ in range(count):
        choices = [f"the {chance.choice(BAD)} film" for _ in range(chance.randint(2, 4))]
        place = chance.randrange(len(choices))
        choices[place] = f"a {chance.choice(GOOD)} plot"
        lines.append(
            ",".join(["was the film good", *choices, *[""] * (4 - len(choices)), "ABCD"[place]]) + "\n"
        )
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, pretrained: Path) -> tuple[Path, Path, Any]:
    folder = tmp_path_factory.mktemp("choose")
    train, dev = questions(folder / "train.csv", 200, 1), questions(folder / "dev.csv", 60, 2)
    settings = FinetuneSettings(learning_rate=0.01, epochs=6, batch_size=16)
    summary = finetune(
        pretrained, kind="choose", train=train, dev=dev, output=folder / "model", settings=settings
    )
    return folder / "model", dev, summary


def test_it_learns_evaluates_and_predicts(trained: tuple[Path, Path, Any], tmp_path: Path) -> None:
    model, dev, summary = trained
    assert summary.metrics["accuracy"] > 0.9 > summary.baseline["accuracy"] + 0.2
    assert {"accuracy_2", "accuracy_3", "accuracy_4", "loss"} <= summary.metrics.keys()
    result = evaluate(model, dev)
    assert result.rows == 60 and result.metrics["accuracy"] == summary.metrics["accuracy"]
    predict_file(load(model), dev, tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    letters = [line.rsplit(",", 1)[1] for line in dev.read_text().splitlines()]
    right = sum(row["label"] == letter for row, letter in zip(rows, letters, strict=True))
    assert right / 60 == pytest.approx(summary.metrics["accuracy"])
    assert set(rows[0]) == {"row", "label", "choice", "probabilities", "truncated"}
    assert sum(rows[0]["probabilities"]) == pytest.approx(1)
    assert rows[0]["choice"] in dev.read_text().splitlines()[0].split(",")
    bad = tmp_path / "bad.csv"
    bad.write_text("which,the film,a plot,,,A\nwhich,the film,,,,A\n")
    some = predict_file(load(model), bad, tmp_path / "some.jsonl")
    assert (some.rows, some.failed, some.failed_lines) == (2, 1, (2,))


def test_transformers_gives_the_same_scores(trained: tuple[Path, Path, Any]) -> None:
    transformers = pytest.importorskip("transformers")
    model, _, _ = trained
    theirs = transformers.AutoModelForMultipleChoice.from_pretrained(model).eval()
    ours = load(model)
    asked = ("was the film good", ["the dull film", "a fine plot", "the poor film"])
    batch = collate(ours.task.encode([asked]), 0)
    assert batch.attention_mask is None
    with torch.inference_mode():
        logits = theirs(batch.input_ids[None], token_type_ids=batch.token_type_ids[None]).logits[0]
    (answer,) = ours.predict([asked])
    assert answer.to_dict()["probabilities"] == pytest.approx(logits.softmax(0).tolist(), abs=1e-5)
    assert answer.to_dict()["label"] == "B"


def test_loss_is_the_mean_over_questions_with_differing_choices(tokenizer: Tokenizer) -> None:
    task = ChooseTask(tokenizer, Columns(), 20)
    rows = task.encode(
        [Question("a", ("the", "film"), target=1), Question("a", ("the", "film", "plot"), target=0)]
    )
    batch = collate(rows, 0)
    logits = torch.tensor([[0.5], [2.0], [1.0], [-1.0], [3.0]], requires_grad=True)
    loss = task.loss(logits, batch)
    first = torch.nn.functional.cross_entropy(logits[:2].T, torch.tensor([1]))
    second = torch.nn.functional.cross_entropy(logits[2:].T, torch.tensor([0]))
    assert loss.item() == pytest.approx(((first + second) / 2).item(), abs=1e-6)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(gradient).all()
    outputs = list(logits.detach().numpy())
    examples = [Question("a", ("the", "film"), target=1), Question("a", ("the", "film", "plot"), target=0)]
    score = task.score(outputs, rows, examples)
    assert score["loss"] == pytest.approx(loss.item(), abs=1e-6)
    assert (score["accuracy"], score["accuracy_2"], score["accuracy_3"]) == (0.5, 1.0, 0.0)
    assert task.baseline(rows, rows) == {"accuracy": 0.5}  # the first place, by order of places
    same = [np.array([value], np.float32) for value in (2, 1, 2, 1, 1)]
    assert task.stuck(same, rows) == "choice 0 was taken in every question"
    assert task.stuck(outputs, rows) is None


def test_metrics_by_hand() -> None:
    assert choice_metrics([0, 1, 2], [0, 1, 1], [3, 3, 3]) == {"accuracy": 2 / 3}


@pytest.mark.parametrize("style", ["letter", "index"])
def test_names_lead_back_to_their_places(style: Any) -> None:
    for first in (0, 1):
        for place in range(4):
            assert place_of(name_of(place, style, first), ("w", "x", "y", "z"), style, first) == place


@pytest.mark.parametrize(
    "edit", [{"answers": "roman"}, {"count_from": 2}, {"choices": "a"}, {"max_length": 3}]
)
def test_a_stored_task_that_is_none_is_refused(trained: tuple[Path, Path, Any], edit: dict[str, Any]) -> None:
    folder = open_model(trained[0])
    manifest = {**folder.manifest, "task": {**(folder.task or {}), **edit}}
    with pytest.raises(ModelError, match="task"):
        ChooseTask.of_folder(replace(folder, manifest=manifest))
