"""Tagging from file to file: what is learned, saved, evaluated and predicted."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

import bertwright
from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import InputError, ModelError
from bertwright.inference.prediction_file import predict_file
from bertwright.model.token_classifier import TokenClassifier
from bertwright.tables.columns import Columns
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.kinds import open_task
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.tag.decoding import Tagging
from bertwright.tasks.tag.sentences import Sentence
from bertwright.tasks.tag.submission import conll_lines
from bertwright.tasks.tag.task import TagTask
from bertwright.tokenization import Tokenizer

GOOD, BAD = ["fine", "lovely", "great"], ["dull", "poor", "awful"]
OTHER = ["the", "film", "was", "a", "and", "very"]


def sentence(chance: random.Random) -> list[tuple[str, str]]:
    """Words; one or two good ones in a row are an entity GOOD, bad ones BAD."""
    rows: list[tuple[str, str]] = []
    for _ in range(chance.randint(2, 4)):
        kind = chance.choice(["GOOD", "BAD", "O", "O"])
        if kind == "O" or (rows and rows[-1][1] != "O"):
            rows.append((chance.choice(OTHER), "O"))
        else:
            names = chance.choices(GOOD if kind == "GOOD" else BAD, k=chance.randint(1, 2))
            rows += [(name, f"{'I' if place else 'B'}-{kind}") for place, name in enumerate(names)]
    return rows


def write_conll_file(path: Path, count: int, seed: int) -> Path:
    chance = random.Random(seed)
    sentences = ["".join(f"{word} {tag} 0\n" for word, tag in sentence(chance)) for _ in range(count)]
    path.write_text("\n".join(sentences), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory, pretrained: Path) -> Path:
    folder = tmp_path_factory.mktemp("tagger")
    output = folder / "model"
    finetune(
        pretrained,
        kind="tag",
        train=write_conll_file(folder / "train.txt", 400, 1),
        dev=write_conll_file(folder / "dev.txt", 60, 2),
        output=output,
        settings=FinetuneSettings(epochs=10, batch_size=8, learning_rate=3e-3, device="cpu"),
        seeds=[0, 1, 2],  # a network of this size sometimes stops short
    )
    return output


def test_what_can_be_learned_is_learned_saved_and_scored(tagger: Path, tmp_path: Path) -> None:
    file = write_conll_file(tmp_path / "test.txt", 50, 3)
    result = evaluate(tagger, file)
    assert result.rows == 50 and result.truncated == 0
    assert result.metrics["f1"] > 0.95 and result.metrics["f1_GOOD"] > 0.9
    assert result.metrics["accuracy"] > 0.97
    first = json.loads(result.to_json_lines().splitlines()[0])
    assert len(first["target"]) == len(first["tags"]) == len(first["words"])


def test_the_baseline_is_the_most_frequent_tag(tagger: Path) -> None:
    stored = json.loads((tagger / "bertwright.json").read_text())
    baseline = stored["provenance"]["baseline"]
    assert 0.3 < baseline["accuracy"] < 0.9 and baseline["f1"] == 0


def test_texts_and_lists_of_words(tagger: Path) -> None:
    model = bertwright.load(tagger)
    text = "The  film was lovely great, and dull."
    of_text, of_words = model.predict([text, ["the", "film", "was", "lovely"]])
    assert isinstance(of_text, Tagging) and isinstance(of_words, Tagging)
    assert of_text.words == ("The", "film", "was", "lovely", "great", ",", "and", "dull", ".")
    assert of_text.entities is not None and of_text.offsets is not None
    for word, (start, end) in zip(of_text.words, of_text.offsets, strict=True):
        assert text[start:end] == word
    good = of_text.entities[0]
    assert (good.type, good.text, good.offsets) == ("GOOD", "lovely great", (14, 26))
    assert good.probability == pytest.approx(min(of_text.probabilities[3:5]))
    assert of_words.tags == ("O", "O", "O", "B-GOOD") and of_words.offsets is None
    for tagging in (of_text, of_words):
        assert all(0 < value <= 1 for value in tagging.probabilities)


def test_inputs_that_are_none(tagger: Path) -> None:
    model = bertwright.load(tagger)
    for row in ("", " \n", [], [""], [3], None, "\u200b"):
        with pytest.raises(InputError, match="row 1: expected"):
            model.predict(["fine", row])


@pytest.mark.parametrize("name", ["rows.txt", "rows.jsonl", "plain.jsonl", "lines.txt"])
def test_bulk_prediction_gives_the_same_tags(name: str, tagger: Path, tmp_path: Path) -> None:
    rows = [["the", "film", "was", "lovely"], ["very", "dull"]]
    path = tmp_path / name
    path.write_text(
        {
            "rows.txt": "".join("".join(f"{word}\n" for word in row) + "\n" for row in rows),
            "rows.jsonl": "".join(json.dumps({"tokens": row}) + "\n" for row in rows),
            "plain.jsonl": "".join(json.dumps({"text": " ".join(row)}) + "\n" for row in rows),
            "lines.txt": "".join(" ".join(row) + "\n" for row in rows),
        }[name]
    )
    model = bertwright.load(tagger)
    format = "text" if name == "lines.txt" else "auto"
    summary = predict_file(model, path, tmp_path / "out.jsonl", format=format)
    assert (summary.rows, summary.failed) == (2, 0)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["words"] for line in lines] == rows
    for line, expected in zip(lines, model.predict(rows), strict=True):
        assert line["tags"] == list(expected.tags)
    assert lines[0]["entities"][0]["type"] == "GOOD"


def test_long_sentences_are_seen_whole(tagger: Path) -> None:
    model = bertwright.load(tagger)
    words = ["the", "lovely", "film", "was", "dull"] * 30  # 150 pieces in rows of 40
    (tagging,) = model.predict([words])
    assert not tagging.truncated
    assert len(tagging.tags) == 150 and min(tagging.probabilities) > 0
    assert sum(tag == "O" for tag in tagging.tags[0::5]) > 25
    assert sum(tag.endswith("-GOOD") for tag in tagging.tags[1::5]) > 25
    assert len(model.task.encode(model.task.inputs([words]))) > 4


def test_the_stored_task_is_the_same(tagger: Path) -> None:
    task = open_task(open_model(tagger))
    assert isinstance(task, TagTask)
    assert task.labels == ("B-BAD", "B-GOOD", "I-BAD", "I-GOOD", "O")
    assert task.metric_names[0] == "f1" and task.scheme == "IOB2"
    assert TagTask.of_folder(open_model(tagger)).to_dict() == task.to_dict()


def test_a_damaged_task_is_refused(tmp_path: Path, pretrained: Path, tokenizer: Tokenizer) -> None:
    good = {"kind": "tag", "labels": ["O", "X"], "max_length": 20}
    for number, change in enumerate(
        [{"labels": None}, {"max_length": 99}, {"stride": 0}, {"repair_bio": 1}, {"by_character": "no"}]
    ):
        path = tmp_path / str(number)
        model = TokenClassifier(open_model(pretrained).config, 2, seed=0)
        save_model(path, model, tokenizer, task={**good, **change}, provenance={})
        with pytest.raises(ModelError, match=f"task.{next(iter(change))}"):
            open_task(open_model(path))


def test_transformers_folders_open_with_the_same_answers(tagger: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertForTokenClassification.from_pretrained(tagger)
    theirs.save_pretrained(tmp_path / "theirs")
    for name in ("vocab.txt", "tokenizer_config.json"):
        (tmp_path / "theirs" / name).write_bytes((tagger / name).read_bytes())
    rows = [["the", "lovely", "film"], ["dull", "and", "poor", "and", "fine"]]
    ours, opened = bertwright.load(tagger), bertwright.load(tmp_path / "theirs")
    assert isinstance(opened.task, TagTask) and opened.task.labels == ours.task.labels
    for one, other in zip(ours.predict(rows), opened.predict(rows), strict=True):
        assert one.tags == other.tags
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    row = ours.task.encode(ours.task.inputs(rows))[1]
    with torch.inference_mode():
        logits = theirs.eval()(torch.tensor(row.input_ids[None].astype(np.int64))).logits[0].numpy()
    best = [theirs.config.id2label[index] for index in logits[row.places].argmax(1).tolist()]
    assert best == list(ours.predict(rows)[1].tags)


def test_predictions_as_a_conll_file() -> None:
    assert conll_lines(["New \t York", "is"], ["B-LOC", "O"]) == "New_York B-LOC\nis O\n\n"


def test_a_run_that_gives_one_tag_is_stuck(tokenizer: Tokenizer) -> None:
    task = TagTask(tokenizer, ("N", "V"), Columns(), 20)
    examples = [Sentence(("the", "film"), ("N", "V"))]
    rows = task.encode(examples)
    same = [np.tile(np.array([[1.0, 0.0]], np.float32), (4, 1))]
    assert task.stuck(same, rows) == "every word was given the tag 'N'"
    differ = [np.array([[0, 0], [1, 0], [0, 1], [0, 0]], np.float32)]
    assert task.stuck(differ, rows) is None
    scores = task.score(differ, rows, examples)
    assert scores["accuracy"] == 1
    assert scores["loss"] == pytest.approx(np.log1p(np.exp(-1)))
