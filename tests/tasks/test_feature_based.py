"""The feature-based way scores the same rows with the same metrics as fine-tuning, for every kind of task."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from bertwright.checkpoints.model_folder import open_model
from bertwright.features.layers import CHOICES
from bertwright.tasks.feature_settings import FeatureSettings
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.summary import FinetuneSummary

Files = tuple[Path, Path]
SHORT = FeatureSettings(epochs=20, batch_size=16, learning_rate=0.03)


def trained(
    model: Path, files: Files, output: Path, features: FeatureSettings = SHORT, **request: Any
) -> FinetuneSummary:
    settings = FinetuneSettings(method="features", features=features)
    return finetune(model, train=files[0], dev=files[1], output=output, settings=settings, **request)


def stored(output: Path) -> dict[str, Any]:
    """How the small model is built, as it is stored with the task."""
    description: dict[str, Any] = (open_model(output).task or {})["features"]
    return description


def test_comparable_with_fine_tuning(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    before = open_model(pretrained).manifest["digest"]
    found = trained(pretrained, review_files, tmp_path / "features", seeds=(0, 1))
    train, dev = review_files
    tuned = finetune(
        pretrained,
        train=train,
        dev=dev,
        output=tmp_path / "out",
        settings=FinetuneSettings(epochs=1, restarts=0),
    )
    assert found.metrics.keys() == tuned.metrics.keys()
    assert (found.rows, found.truncated, found.train_rows) == (tuned.rows, tuned.truncated, tuned.train_rows)
    assert found.baseline == tuned.baseline
    assert found.metrics["accuracy"] > 0.9, "a word decides, and its embedding is in the mean"
    assert [run.seed for run in found.runs] == [0, 1]
    assert found.runs[0].metrics["loss"] != found.runs[1].metrics["loss"]
    assert open_model(pretrained).manifest["digest"] == before


@pytest.mark.parametrize("layers", CHOICES)
def test_every_row_of_table_7(pretrained: Path, review_files: Files, tmp_path: Path, layers: str) -> None:
    recipe: dict[str, Any] = {**SHORT.model_dump(), "layers": layers}
    found = trained(pretrained, review_files, tmp_path / "out", FeatureSettings(**recipe))
    assert (stored(tmp_path / "out")["name"], stored(tmp_path / "out")["head"]) == (layers, "linear")
    assert found.metrics["accuracy"] > 0.9


def test_the_best_epoch_is_kept_and_patience_ends_the_run(
    pretrained: Path, review_files: Files, tmp_path: Path
) -> None:
    recipe = FeatureSettings(epochs=50, learning_rate=0.05, patience=2)
    run = trained(pretrained, review_files, tmp_path / "out", recipe).best
    assert len(run.epochs) < 50
    assert run.metrics == run.epochs[int(run.epoch) - 1]
    assert len(run.epochs) == run.epoch + 2
    assert run.metrics["accuracy"] == max(epoch["accuracy"] for epoch in run.epochs)


def test_numbers(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    files = []
    for file in review_files:
        text = file.read_text().replace("\tgood", "\t70").replace("\tbad", "\t-30")
        files.append(tmp_path / file.name)
        files[-1].write_text(text.replace("label", "score", 1))
    found = trained(pretrained, (files[0], files[1]), tmp_path / "out", kind="regress")
    assert found.metrics["pearson"] > 0.8


def test_tags_under_a_bilstm_and_under_a_linear_layer(
    pretrained: Path, review_files: Files, tmp_path: Path
) -> None:
    """A word's tag is whether it, or the word before it, is a good one: neighbours decide."""
    files = []
    for source in review_files:
        sentences = []
        for line in source.read_text().splitlines()[1:]:
            words = line.split("\t")[0].split()
            good = [word in ("fine", "lovely", "great", "superb") for word in words]
            tags = ["X" if good[place] or (place and good[place - 1]) else "O" for place in range(len(words))]
            sentences.append("".join(f"{word} {tag}\n" for word, tag in zip(words, tags, strict=True)))
        files.append(tmp_path / source.with_suffix(".conll").name)
        files[-1].write_text("\n".join(sentences))
    scores = {}
    for head in ("auto", "linear"):
        recipe: dict[str, Any] = {**SHORT.model_dump(), "epochs": 6, "layers": "embeddings", "head": head}
        output = tmp_path / head
        found = trained(pretrained, (files[0], files[1]), output, FeatureSettings(**recipe), kind="tag")
        scores[stored(output)["head"]] = found.metrics["accuracy"]
    assert scores["bilstm"] > 0.97 > scores["linear"] > 0.6


def test_choices(pretrained: Path, tmp_path: Path) -> None:
    """The choices of a question share a batch, and the one with a good word is the answer."""
    files = []
    for name, count, seed in (("train", 160, 1), ("dev", 60, 2)):
        chance = random.Random(seed)
        lines = []
        for _ in range(count):
            choices = [f"the {chance.choice(['dull', 'poor', 'awful'])} film" for _ in range(3)]
            place = chance.randrange(3)
            choices[place] = f"the {chance.choice(['fine', 'lovely', 'great'])} film"
            lines.append(",".join(["was the film good", *choices, "ABC"[place]]) + "\n")
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text("".join(lines))
    found = trained(pretrained, (files[0], files[1]), tmp_path / "out", kind="choose")
    assert found.rows == 60 and found.metrics["accuracy"] > 0.9


def test_spans(pretrained: Path, tmp_path: Path) -> None:
    """The answer is the good word of the passage."""
    files = []
    for name, count, seed in (("train", 120, 1), ("dev", 40, 2)):
        chance, paragraphs = random.Random(seed), []
        for number in range(count):
            words = chance.choices(["the", "film", "was", "a", "plot", "actor"], k=6)
            word = chance.choice(["fine", "lovely", "great"])
            context = " ".join([*words[:3], word, *words[3:]])
            answer = {"text": word, "answer_start": context.index(word)}
            question = {"id": f"{name}{number}", "question": "was the film", "answers": [answer]}
            paragraphs.append({"context": context, "qas": [question]})
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(
            json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]})
        )
    found = trained(pretrained, (files[0], files[1]), tmp_path / "out", kind="answer")
    assert found.metrics["exact_match"] > 0.9
