"""Span question answering end to end on a very small model: learned, saved, evaluated, predicted."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch.nn import functional as F

import bertwright
from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import ModelError, SettingsError, TableError
from bertwright.model.span_classifier import SpanClassifier
from bertwright.tables.columns import Columns
from bertwright.tasks.answer import task as task_module
from bertwright.tasks.answer.questions import Question, Reference
from bertwright.tasks.answer.settings import AnswerSettings
from bertwright.tasks.answer.task import AnswerTask
from bertwright.tasks.batches import collate
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.kinds import open_task
from bertwright.tasks.outputs import run_model
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.summary import FinetuneSummary
from bertwright.tokenization import Tokenizer

GOOD = ["fine", "lovely", "great", "superb"]
OTHER = ["the", "film", "was", "a", "and", "very", "plot", "actor", "dull", "poor"]
QUICK = FinetuneSettings(learning_rate=1e-2, epochs=3, batch_size=16, precision="fp32", max_length=24)
WINDOWED = QUICK.model_copy(update={"answer": AnswerSettings(doc_stride=8, max_answer_length=3)})


def write_squad(path: Path, count: int, seed: int, *, may_lack: bool = False) -> Path:
    """Questions for the one good word of a passage; every third has none, where that may be."""
    chance = random.Random(seed)
    paragraphs = []
    for number in range(count):
        words = chance.choices(OTHER, k=chance.randint(4, 40))
        answers = []
        if not may_lack or number % 3:
            place = chance.randrange(len(words) + 1)
            words.insert(place, chance.choice(GOOD))
            answers = [{"text": words[place], "answer_start": len(" ".join(["", *words[:place]]))}]
        question = {"id": f"q{number}", "question": "was a film ?", "answers": answers}
        question |= {"is_impossible": not answers} if may_lack else {}
        paragraphs.append({"context": " ".join(words), "qas": [question]})
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("questions")
    return {
        "train": write_squad(folder / "train.json", 192, 1),
        "dev": write_squad(folder / "dev.json", 48, 2),
        "train2": write_squad(folder / "train2.json", 240, 3, may_lack=True),
        "dev2": write_squad(folder / "dev2.json", 60, 4, may_lack=True),
    }


@pytest.fixture(scope="module")
def answering(
    pretrained: Path, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> FinetuneSummary:
    output = tmp_path_factory.mktemp("answering") / "model"
    longer = WINDOWED.model_copy(update={"epochs": 10})
    return finetune(
        pretrained, kind="answer", train=files["train"], dev=files["dev"], output=output, settings=longer
    )


@pytest.fixture(scope="module")
def refusing(
    pretrained: Path, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> FinetuneSummary:
    output = tmp_path_factory.mktemp("refusing") / "model"
    return finetune(
        pretrained, kind="answer", train=files["train2"], dev=files["dev2"], output=output, settings=WINDOWED
    )


def test_it_learns(answering: FinetuneSummary) -> None:
    assert answering.metrics["f1"] >= 0.9
    assert answering.metrics.keys() == {"f1", "exact_match", "loss"}
    assert answering.baseline["f1"] < 0.4
    assert answering.metric == "f1"
    assert (answering.rows, answering.truncated) == (48, 0)


def test_a_part_of_the_rows_is_a_part_of_the_training(
    answering: FinetuneSummary, pretrained: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    words = open_model(pretrained).tokenizer
    posed = AnswerTask.pose(files["train"], Columns(), words, 40, "auto", WINDOWED)
    part = posed.drawn(10)
    assert len(part.train) == 10 < len(posed.train)
    assert {row.example for row in part.encoded} == set(range(10))
    assert posed.drawn(None) is posed.drawn(len(posed.train)) is posed
    assert posed.encoded is posed.features


def test_evaluation_repeats_the_development_metrics(
    answering: FinetuneSummary, refusing: FinetuneSummary, files: dict[str, Path]
) -> None:
    for summary, file in ((answering, files["dev"]), (refusing, files["dev2"])):
        again = evaluate(summary.output, file)
        assert again.metrics == pytest.approx(summary.metrics, abs=1e-6)
        lines = [json.loads(line) for line in again.to_json_lines().splitlines()]
        assert [line["row"] for line in lines] == list(range(again.rows))
        assert lines[4]["id"] == "q4" and isinstance(lines[4]["target"], list)


def test_it_learns_when_not_to_answer(refusing: FinetuneSummary) -> None:
    metrics = refusing.metrics
    assert metrics["f1"] >= 0.9 and metrics["NoAns_f1"] >= 0.8 and metrics["HasAns_f1"] >= 0.8
    assert metrics["f1"] == pytest.approx((metrics["HasAns_f1"] * 2 + metrics["NoAns_f1"]) / 3)
    assert metrics["best_f1"] == pytest.approx(metrics["f1"]), "the threshold was fitted on these questions"
    assert refusing.baseline["f1"] == pytest.approx(1 / 3), "no answer at all"
    stored = json.loads((refusing.output / "bertwright.json").read_text())["task"]
    assert isinstance(stored["null_threshold"], float)
    task = open_task(refusing.output)
    assert isinstance(task, AnswerTask) and task.threshold == stored["null_threshold"]


def test_the_stored_threshold_decides(refusing: FinetuneSummary, files: dict[str, Path]) -> None:
    folder = open_model(refusing.output)
    task = AnswerTask.of_folder(folder)
    file = task.read(files["dev2"])
    features = task.encode(file.examples)
    outputs = run_model(task.trained_model(folder), features, 0)
    answers = task.decode(outputs, features, file.examples)
    assert task.threshold is not None
    for answer in answers:
        assert answer.null_odds is not None
        assert (answer.answer == "") == (answer.null_odds > task.threshold)
    for threshold, answered in ((1e9, 60), (-1e9, 0)):
        moved = replace(task, threshold=threshold).decode(outputs, features, file.examples)
        assert sum(answer.answer != "" for answer in moved) == answered
    assert task.stuck(outputs, features) is None
    assert replace(task, threshold=-1e9).stuck(outputs, features) is None, "places were learned all the same"


def test_runs_that_learned_nothing(tokenizer: Tokenizer) -> None:
    task = AnswerTask(tokenizer, Columns(), 24, AnswerSettings(), "words", 0.0)
    features = task.encode(
        [("was ?", "the film was great"), ("was a film ?", "the plot was dull and the actor poor")]
    )
    by_piece = [np.zeros((len(row), 2), np.float32) for row in features]
    by_row = [np.zeros((len(row), 2), np.float32) for row in features]
    learned = [np.zeros((len(row), 2), np.float32) for row in features]
    for number, row in enumerate(features):
        by_piece[number][row.passage_start + 2] = 1
        by_row[number][6] = 1
        learned[number][6 + 3 * number] = 1
    same = "all answers are at the same place"
    assert task.stuck(by_piece, features) == task.stuck(by_row, features) == same
    assert task.stuck(learned, features) is None
    assert task.stuck(by_row[:1], features[:1]) is None, "one answer says nothing"


def test_predictions(answering: FinetuneSummary, refusing: FinetuneSummary, tmp_path: Path) -> None:
    context = "the film was  superb , and the plot was very dull and a poor actor"
    model = bertwright.load(answering.output)
    answer, named = model.predict(
        [("was a film ?", context), {"question": "a ?", "context": context, "id": "x"}]
    )
    result = answer.to_dict()
    assert result["answer"] == "superb"
    assert context[slice(*result["offsets"])] == "superb"
    assert result["probability"] == result["probabilities"]["superb"] > 0.5
    assert result["truncated"] is False and "null_odds" not in result and "nbest" not in result
    nbest = answer.to_dict(nbest=True)["nbest"]
    assert nbest[0]["text"] == "superb" and sum(one["probability"] for one in nbest) == pytest.approx(1)
    assert named.to_dict()["id"] == "x"

    none = bertwright.load(refusing.output).predict([("was a film ?", "the plot was very dull")])[0].to_dict()
    assert (none["answer"], none["offsets"]) == ("", None)
    assert none["null_odds"] > 0 and none["probabilities"][""] == none["probability"]


def test_bulk_prediction(answering: FinetuneSummary, files: dict[str, Path], tmp_path: Path) -> None:
    from bertwright.inference.prediction_file import predict_file

    model = bertwright.load(answering.output)
    broken = json.loads(files["dev"].read_text())
    del broken["data"][0]["paragraphs"][3]["qas"][0]["answers"]  # not needed
    broken["data"][0]["paragraphs"][5]["context"] = " "
    (tmp_path / "ask.json").write_text(json.dumps(broken))
    summary = predict_file(model, tmp_path / "ask.json", tmp_path / "out.jsonl")
    assert (summary.rows, summary.failed) == (48, 1)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["row"] for row in rows] == [row for row in range(48) if row != 5]
    assert [row["id"] for row in rows] == [f"q{row['row']}" for row in rows]
    (error,) = (tmp_path / "out.errors.jsonl").read_text().splitlines()
    assert 'question "q5": context: expected a text' in json.loads(error)["error"]

    table = tmp_path / "ask.tsv"
    table.write_text("nr\tquestion\tcontext\n7\twas a film ?\tthe plot was great\n")
    summary = predict_file(model, table, tmp_path / "table.jsonl")
    assert json.loads((tmp_path / "table.jsonl").read_text())["answer"] == "great"
    assert summary.remarks and "guessed question 'question', passage 'context'" in summary.remarks[0]


def test_models_of_transformers(tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = transformers.BertConfig(
        vocab_size=len(tokenizer.vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=12,
        initializer_range=1.0,
    )
    torch.manual_seed(6)
    theirs = transformers.BertForQuestionAnswering(config).eval()
    theirs.save_pretrained(tmp_path)
    for name, data in tokenizer.files().items():
        (tmp_path / name).write_bytes(data)
    task = open_task(tmp_path)
    assert isinstance(task, AnswerTask)
    assert (task.max_length, task.threshold, task.settings) == (12, None, AnswerSettings())
    (answer,) = bertwright.load(tmp_path).predict([("was a film ?", "the plot was lovely")])
    (row,) = task.encode([("was a film ?", "the plot was lovely")])
    with torch.no_grad():
        logits = theirs(
            torch.from_numpy(row.input_ids.astype(np.int64))[None],
            token_type_ids=torch.from_numpy(row.token_type_ids.astype(np.int64))[None],
        )
    spans = [
        (float(logits.start_logits[0, start] + logits.end_logits[0, end]), start, end)
        for start in range(6, 10)
        for end in range(start, 10)
    ]
    _, start, end = max(spans)
    assert answer.answer == " ".join(["the", "plot", "was", "lovely"][start - 6 : end - 5])


def test_loss_leaves_padding_out(tokenizer: Tokenizer) -> None:
    task = AnswerTask(tokenizer, Columns(), 24, AnswerSettings(), "words", None)
    questions = [
        Question("a ?", "the film was great", "1", (Reference("great", 13),)),
        Question("a ?", "the film was great and the plot was very dull", "2", (Reference("film", 4),)),
    ]
    features = task.encode(questions)
    batch = collate(features, 0)
    torch.manual_seed(5)
    logits = torch.randn(2, batch.input_ids.shape[1], 2, requires_grad=True)
    loss = task.loss(logits, batch)
    by_hand = [
        F.cross_entropy(
            logits[row, : len(features[row]), side][None], torch.tensor([features[row].target[side]])
        )
        for row in (0, 1)
        for side in (0, 1)
    ]
    assert loss.item() == pytest.approx(sum(part.item() for part in by_hand) / 4)
    loss.backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()
    assert (logits.grad[0, len(features[0]) :] == 0).all()
    outputs = [logits[row, : len(features[row])].detach().numpy() for row in (0, 1)]
    assert task.score(outputs, features, questions)["loss"] == pytest.approx(loss.item())
    with pytest.raises(ValueError, match="targets"):
        task.loss(logits, batch._replace(targets=None))


def test_what_is_stored_is_checked(answering: FinetuneSummary, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = open_model(answering.output)
    task = AnswerTask.of_folder(folder)
    assert task.to_dict().items() <= dict(folder.task or {}).items()
    assert (task.settings.doc_stride, task.settings.max_answer_length, task.threshold) == (8, 3, None)
    model = SpanClassifier(folder.config, 2, seed=1)
    for number, (key, value, expected) in enumerate(
        [
            ("max_length", 4, "a length from 5"),
            ("doc_stride", 0, "a whole number from 1"),
            ("null_threshold", "high", "a number or null"),
            ("units", "lines", "words or characters"),
        ]
    ):
        path = tmp_path / str(number)
        save_model(path, model, tokenizer, task=task.to_dict() | {key: value}, provenance={})
        with pytest.raises(ModelError, match=rf"task\.{key}: expected {expected}"):
            open_task(path)


def test_short_rows_are_refused(pretrained: Path, files: dict[str, Path], tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"max_length": 4})
    with pytest.raises(SettingsError, match="max_length: expected at least 5, got 4"):
        finetune(
            pretrained,
            kind="answer",
            train=files["train"],
            dev=files["dev"],
            output=tmp_path / "out",
            settings=settings,
        )
    assert not (tmp_path / "out").exists()


def test_misaligned_questions_are_left_out_on_request(
    pretrained: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    value = json.loads(files["train"].read_text())
    for paragraph in value["data"][0]["paragraphs"][:4]:
        paragraph["qas"][0]["answers"][0]["answer_start"] = -1
    shifted = tmp_path / "shifted.json"
    shifted.write_text(json.dumps(value))
    arguments: dict[str, Any] = {"kind": "answer", "dev": shifted, "output": tmp_path / "out"}
    with pytest.raises(TableError, match=r'shifted.json: question "q0": expected the answer "'):
        finetune(pretrained, train=shifted, settings=QUICK, **arguments)
    dropping = QUICK.model_copy(update={"answer": AnswerSettings(drop_misaligned=True), "epochs": 1})
    summary = finetune(pretrained, train=shifted, settings=dropping, **arguments)
    assert (summary.train_rows, summary.rows) == (188, 192), "dev keeps them: they are scored by their text"
    dropped, scored = (line for line in summary.warnings if "offset" in line)
    assert dropped == (
        'shifted.json: left out 4 questions whose answer is not at its offset: "q0", "q1", "q2", …'
    )
    assert "4 questions whose answer is not at its offset, scored by the text" in scored


def test_questions_and_answers_that_do_not_fit_are_told(
    pretrained: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    value = json.loads(files["train"].read_text())
    first, second = value["data"][0]["paragraphs"][:2]
    first["qas"][0]["question"] = "was a film ? " * 4
    second["qas"][0]["answers"] = [{"text": second["context"], "answer_start": 0}]
    (tmp_path / "train.json").write_text(json.dumps(value))
    chosen = AnswerSettings(doc_stride=8, max_query_length=6)
    settings = QUICK.model_copy(update={"answer": chosen, "epochs": 1})
    summary = finetune(
        pretrained,
        kind="answer",
        train=tmp_path / "train.json",
        dev=files["dev"],
        output=tmp_path / "out",
        settings=settings,
    )
    assert summary.train_truncated == 1
    assert "train.json: the end of 1 question is cut (answer.max_query_length)" in summary.warnings
    assert any("1 answer in no window as a whole" in line and "q1" in line for line in summary.warnings)


def hidden(path: Path, *identities: str) -> Path:
    """Questions whose answers are a character that the tokenizer drops, and one that is not."""
    context = "the film \u200b was great"
    asked = [("seen", "great", 15), *((identity, "\u200b", 9) for identity in identities)]
    rows = [
        {"id": identity, "question": "what ?", "answers": [{"text": text, "answer_start": start}]}
        for identity, text, start in (asked if len(identities) < 3 else asked[1:])
    ]
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": context, "qas": rows}]}]}))
    return path


def test_answers_that_no_piece_stands_for(pretrained: Path, tmp_path: Path) -> None:
    file = hidden(tmp_path / "q.json", "gone", "too")
    posed = AnswerTask.pose(file, Columns(), open_model(pretrained).tokenizer, 24, "auto", QUICK)
    assert posed.train.warnings[-1] == (
        'q.json: left out 2 questions whose answer has no visible character: "gone", "too"'
    )
    assert [row.target is not None for row in posed.encoded] == [True] and len(posed.train) == 1
    summary = finetune(
        pretrained, kind="answer", train=file, dev=file, output=tmp_path / "out", settings=QUICK
    )
    assert summary.train_rows == 1 and summary.rows == 3  # of the development rows none is left out
    with pytest.raises(TableError, match='question "gone": expected an answer with a visible character'):
        AnswerTask.pose(
            hidden(file, "gone", "too", "all"), Columns(), posed.task.tokenizer, 24, "auto", QUICK
        )


def test_the_training_file_is_encoded_once(
    pretrained: Path, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    original = task_module.encode_questions

    def counted(questions: Any, *others: Any) -> Any:
        seen.append(len(questions))
        return original(questions, *others)

    monkeypatch.setattr(task_module, "encode_questions", counted)
    once = QUICK.model_copy(update={"epochs": 1})
    train, dev = files["train"], files["dev"]
    finetune(pretrained, kind="answer", train=train, dev=dev, output=tmp_path / "out", settings=once)
    assert seen == [192, 48]
