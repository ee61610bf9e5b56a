"""What holds for every kind: it goes on exactly after a stop, and its folder opens in transformers.

All of it for a BERT and for a left-to-right model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from tasks.conftest import BAD, GOOD, reviews
from tasks.test_finetuning_resumed import StopAfter, same

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import Interrupted, ModelError, SettingsError, UsageError
from bertwright.inference.model import load
from bertwright.model.pretraining_model import BertForPreTraining
from bertwright.statistics.measures import figures
from bertwright.tables.columns import Columns
from bertwright.tasks.batches import TrainingBatches
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.feature_settings import FeatureSettings
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.kinds import KINDS, open_task, task_kind
from bertwright.tasks.outputs import run_model
from bertwright.tasks.precision import Precision, reduced
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.stored_model import stored_model

transformers = pytest.importorskip("transformers")

SETTINGS = FinetuneSettings(
    epochs=2, batch_size=16, learning_rate=2e-3, max_length=24, checkpoint_interval=1e-9, precision="fp32"
)


def rows(seed: int) -> list[tuple[str, str]]:
    return reviews(64, seed)


def classes(folder: Path, seed: int) -> Path:
    path = folder / f"{seed}.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows(seed)))
    return path


def numbers(folder: Path, seed: int) -> Path:
    path = folder / f"{seed}.tsv"
    lines = (f"{text}\t{(70 if label == 'good' else 20) + len(text) % 7}\n" for text, label in rows(seed))
    path.write_text("text\tscore\n" + "".join(lines))
    return path


def tags(folder: Path, seed: int) -> Path:
    path = folder / f"{seed}.conll"
    names = dict.fromkeys(GOOD, "B-GOOD") | dict.fromkeys(BAD, "B-BAD")
    sentences = (
        "".join(f"{word} {names.get(word, 'O')}\n" for word in text.split()) for text, _ in rows(seed)
    )
    path.write_text("\n".join(sentences))
    return path


def answers(folder: Path, seed: int) -> Path:
    path = folder / f"{seed}.json"
    paragraphs = []
    for number, (text, label) in enumerate(rows(seed)):
        word = next(word for word in text.split() if word in (GOOD if label == "good" else BAD))
        answer = {"text": word, "answer_start": text.index(word)}
        question = {"id": f"q{number}", "question": "the film was ?", "answers": [answer]}
        paragraphs.append({"context": text, "qas": [question]})
    path.write_text(json.dumps({"version": "1.1", "data": [{"title": "", "paragraphs": paragraphs}]}))
    return path


def choices(folder: Path, seed: int) -> Path:
    path = folder / f"{seed}.jsonl"
    lines = []
    for number, (text, _) in enumerate(rows(seed)):
        options = [GOOD[number % 4], BAD[number % 3], "the", "plot"][: 2 + number % 3]
        order = np.random.default_rng(number).permutation(len(options)).tolist()
        shuffled = [options[index] for index in order]
        row = {"question": text, "choices": shuffled, "answer": shuffled.index(options[0])}
        lines.append(json.dumps(row) + "\n")
    path.write_text("".join(lines))
    return path


FILES: dict[str, Callable[[Path, int], Path]] = {
    "classify": classes,
    "regress": numbers,
    "tag": tags,
    "answer": answers,
    "choose": choices,
}
COLUMNS = {"regress": Columns("text", None, "score")}
ARCHITECTURES = {
    "classify": "BertForSequenceClassification",
    "regress": "BertForSequenceClassification",
    "tag": "BertForTokenClassification",
    "answer": "BertForQuestionAnswering",
    "choose": "BertForMultipleChoice",
}


POOLING = ("BertForSequenceClassification", "BertForMultipleChoice")


def test_no_kind_is_forgotten() -> None:
    assert set(KINDS) == set(FILES)


@pytest.fixture(scope="module", params=["bidirectional", "left-to-right"])
def pretrained(
    request: pytest.FixtureRequest, pretrained: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    if request.param == "bidirectional":
        return pretrained
    folder = open_model(pretrained)
    config = folder.config.model_copy(update={"is_decoder": True})
    path = tmp_path_factory.mktemp("left") / "model"
    save_model(path, BertForPreTraining(config, seed=3), folder.tokenizer, task=None, provenance={})
    return path


@pytest.fixture(scope="module", params=FILES)
def request_of(
    request: pytest.FixtureRequest, pretrained: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    train, dev = (FILES[kind](folder, seed) for seed in (1, 2))
    return {
        "kind": kind,
        "train": train,
        "dev": dev,
        "columns": COLUMNS.get(kind),
        "settings": SETTINGS,
        "seeds": (5, 6),
    }


@pytest.fixture(scope="module")
def trained(request_of: dict[str, Any], pretrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("trained") / "model"
    finetune(pretrained, output=output, **request_of)
    return output


@pytest.mark.parametrize("steps", [3, 6])
def test_it_goes_on_exactly(
    steps: int, request_of: dict[str, Any], trained: Path, pretrained: Path, tmp_path: Path
) -> None:
    output = tmp_path / "model"
    with pytest.raises(Interrupted):
        finetune(pretrained, output=output, progress=StopAfter(steps), **request_of)
    finetune(pretrained, output=output, resume=True, **request_of)
    assert same(output, trained)
    assert (output / "bertwright.json").read_bytes() == (trained / "bertwright.json").read_bytes()


def test_it_opens_in_transformers_with_equal_outputs(request_of: dict[str, Any], trained: Path) -> None:
    architecture = ARCHITECTURES[request_of["kind"]]
    theirs, report = getattr(transformers, architecture).from_pretrained(trained, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    folder = open_model(trained)
    task = open_task(folder)
    assert task.kind == request_of["kind"]
    features = task.encode(task.read(request_of["dev"], request_of["columns"]).examples)[:5]
    if (
        folder.config.is_decoder
    ):  # theirs reads the first token whatever the folder says, and its card says so
        assert (folder.config.pooled_token == "last") == (architecture in POOLING)
        folder = replace(folder, config=folder.config.model_copy(update={"pooled_token": "first"}))
    ours = run_model(task.trained_model(folder), features, task.tokenizer.vocabulary.pad_id)
    theirs.eval()
    for row, output in zip(features, ours, strict=True):
        ids, types = (
            torch.tensor(np.asarray(x), dtype=torch.long) for x in (row.input_ids, row.token_type_ids)
        )
        batch = {"input_ids": ids[None], "token_type_ids": types[None]}
        if architecture == "BertForMultipleChoice":
            batch = {name: value[None] for name, value in batch.items()}
        with torch.no_grad():
            result = theirs(**batch)
        if architecture == "BertForQuestionAnswering":
            logits = torch.stack([result.start_logits[0], result.end_logits[0]], dim=-1)
        else:
            logits = result.logits[0]
        np.testing.assert_allclose(output, logits.numpy(), atol=2e-5)


def assert_metrics(found: Mapping[str, float], expected: Mapping[str, float]) -> None:
    assert expected
    for name, value in expected.items():
        # Answers that are all but equal may change places, and their differences are mostly rounding.
        bound = 1e-3 if "spearman" in name or "pearson" in name else 1e-4
        assert found[name] == pytest.approx(value, abs=bound), name


def test_its_metrics_are_those_that_have_intervals(request_of: dict[str, Any], trained: Path) -> None:
    result = evaluate(trained, request_of["dev"], resamples=20)
    assert result.analysis is not None
    found = figures(result.analysis.measure)
    assert set(result.intervals) <= set(found) <= set(result.metrics)
    assert set(result.metrics) - set(found) <= {"best_f1", "loss"}  # of no single question, for ``answer``
    assert found == pytest.approx({name: result.metrics[name] for name in found})


def test_it_is_evaluated_and_predicts(request_of: dict[str, Any], trained: Path) -> None:
    result = evaluate(trained, request_of["dev"])
    stored = open_model(trained).manifest["task"]["metrics"]
    assert_metrics(result.metrics, stored)
    task = open_task(open_model(trained))
    given = [row.input for row in task.stream(request_of["dev"]).rows()]
    predictions = load(trained).predict(given)
    assert len(predictions) == result.rows == 64
    assert [p.to_dict() for p in predictions] == [p.to_dict() for p in result.predictions]


@pytest.mark.parametrize(("precision", "most"), [("bf16", 0.03), ("int8", 0.06)])
def test_every_kind_answers_in_fewer_bits(
    precision: Precision, most: float, request_of: dict[str, Any], trained: Path
) -> None:
    folder = open_model(trained)
    task = open_task(folder)
    features = task.encode(task.read(request_of["dev"], request_of["columns"]).examples)
    exact, rounded = (
        run_model(network, features, task.tokenizer.vocabulary.pad_id)
        for network in (stored_model(task, folder), reduced(stored_model(task, folder), precision))
    )
    scale = max(float(np.abs(row).max()) for row in exact)
    furthest = max(float(np.abs(a - b).max()) for a, b in zip(exact, rounded, strict=True))
    assert len(exact) >= 64
    assert 0 < furthest < most * scale
    given = [row.input for row in task.stream(request_of["dev"]).rows()]
    assert len(load(trained, device="cpu", precision=precision).predict(given)) == 64


@pytest.mark.parametrize("head", ["linear", "bilstm"])
def test_a_small_model_on_frozen_vectors_is_saved_and_answers(
    head: Literal["linear", "bilstm"], request_of: dict[str, Any], pretrained: Path, tmp_path: Path
) -> None:
    features = FeatureSettings(head=head, layers="weighted-sum-all", epochs=3, lstm_size=8)
    settings = SETTINGS.model_copy(update={"method": "features", "features": features})
    request = request_of | {"settings": settings}
    summary = finetune(pretrained, output=tmp_path / "model", **request)
    assert summary.to_dict()["method"] == "features"
    assert [run.seed for run in summary.runs] == [5, 6]
    folder = open_model(tmp_path / "model")
    before = open_model(pretrained).encoder().state_dict()
    for name, tensor in folder.encoder().state_dict().items():
        assert torch.equal(tensor, before[name]), name
    result = evaluate(tmp_path / "model", request["dev"])
    assert_metrics(result.metrics, summary.metrics)
    task = open_task(folder)
    given = [row.input for row in task.stream(request["dev"]).rows()][:7]
    found = [answer.to_dict() for answer in load(tmp_path / "model").predict(given)]
    assert len(found) == 7


@pytest.fixture(scope="module")
def topped_request(request_of: dict[str, Any]) -> dict[str, Any]:
    return request_of | {"settings": SETTINGS.model_copy(update={"top": "bilstm", "top_size": 8})}


@pytest.fixture(scope="module")
def topped(
    topped_request: dict[str, Any], pretrained: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    output = tmp_path_factory.mktemp("topped") / "model"
    finetune(pretrained, output=output, **topped_request)
    return output


@pytest.mark.parametrize("steps", [3, 6])
def test_a_bilstm_on_top_goes_on_exactly(
    steps: int, topped_request: dict[str, Any], topped: Path, pretrained: Path, tmp_path: Path
) -> None:
    output = tmp_path / "model"
    with pytest.raises(Interrupted):
        finetune(pretrained, output=output, progress=StopAfter(steps), **topped_request)
    finetune(pretrained, output=output, resume=True, **topped_request)
    for name in ("model.safetensors", "top.safetensors", "bertwright.json"):
        assert (output / name).read_bytes() == (topped / name).read_bytes(), name


def test_a_bilstm_on_top_is_saved_and_answers(
    topped_request: dict[str, Any], topped: Path, pretrained: Path
) -> None:
    folder = open_model(topped)
    assert folder.architecture == "BertModel" and "pooler" not in folder.weights.parts
    before = open_model(pretrained).weights.tensors
    assert any(not torch.equal(t, before[name]) for name, t in folder.weights.tensors.items())
    stored = dict(folder.manifest["task"])
    assert stored["top"] == {"kind": "bilstm", "layers": 2, "size": 8, "outputs": stored["top"]["outputs"]}
    assert "`transformers` has no class for such a model" in (topped / "README.md").read_text()
    result = evaluate(topped, topped_request["dev"])
    assert_metrics(result.metrics, stored["metrics"])
    given = [row.input for row in open_task(folder).stream(topped_request["dev"]).rows()]
    answers = load(topped).predict(given)
    assert [p.to_dict() for p in answers] == [p.to_dict() for p in result.predictions]
    theirs = transformers.BertModel.from_pretrained(topped, add_pooling_layer=False).eval()
    ids = torch.tensor([[2, 5, 9, 13, 3]])
    with torch.no_grad():
        found, expected = folder.encoder()(ids)[0], theirs(ids)[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_damaged_bilstm_is_refused(topped: Path) -> None:
    folder = open_model(topped)
    task, stored = open_task(folder), dict(folder.manifest["task"])
    for wrong in ({}, "bilstm", stored["top"] | {"size": 7}, stored["top"] | {"outputs": 77}):
        changed = replace(folder, manifest={**folder.manifest, "task": stored | {"top": wrong}})
        with pytest.raises(ModelError, match=r"task.top: expected a BiLSTM and an output layer"):
            stored_model(task, changed)


def test_a_search_has_no_meaning_for_frozen_vectors(
    request_of: dict[str, Any], pretrained: Path, tmp_path: Path
) -> None:
    request = request_of | {"settings": SETTINGS.model_copy(update={"method": "features"})}
    with pytest.raises(UsageError, match="search: expected method finetune"):
        finetune(pretrained, output=tmp_path / "model", search=True, **request)
    assert not list(tmp_path.iterdir())


def test_class_weights_are_for_classes(request_of: dict[str, Any], pretrained: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"class_weights": "balanced", "epochs": 1})
    request = request_of | {"settings": settings, "output": tmp_path / "model", "seeds": (5,)}
    if request["kind"] == "classify":
        assert finetune(pretrained, **request).rows == 64
        return
    with pytest.raises(SettingsError, match="class_weights: expected a task with one class a row"):
        finetune(pretrained, **request)
    assert not list(tmp_path.iterdir())


def test_a_damaged_description_is_refused(
    request_of: dict[str, Any], pretrained: Path, tmp_path: Path
) -> None:
    features = FeatureSettings(epochs=1)
    settings = SETTINGS.model_copy(update={"method": "features", "features": features})
    finetune(pretrained, output=tmp_path / "model", **request_of | {"settings": settings, "seeds": (5,)})
    folder = open_model(tmp_path / "model")
    task = open_task(folder)
    stored = dict(folder.manifest["task"])
    head = {"linear": "bilstm", "bilstm": "linear"}[stored["features"]["head"]]
    for wrong in ({}, stored["features"] | {"outputs": 7}, stored["features"] | {"head": head}):
        changed = replace(folder, manifest={**folder.manifest, "task": stored | {"features": wrong}})
        with pytest.raises(ModelError, match=r"task.features: expected the description"):
            stored_model(task, changed)


@pytest.mark.parametrize("size", [1, 3])
def test_the_losses_of_parts_add_up(size: int, request_of: dict[str, Any], pretrained: Path) -> None:
    folder = open_model(pretrained)
    cls, settings = task_kind(request_of["kind"]), request_of["settings"]
    posed = cls.pose(request_of["train"], Columns(), folder.tokenizer, 24, "auto", settings)
    task, rows = posed.task, posed.encoded
    model = task.new_model(folder, seed=1).eval()
    batches = TrainingBatches(rows, 8, folder.tokenizer.vocabulary.pad_id, 3, together=task.rows_together)
    (whole,), parts = batches.parts(1, None), batches.parts(1, size)
    assert len(parts) > 1 and sum(len(part.input_ids) for part in parts) == len(whole.input_ids)
    total = sum(map(task.weight, parts))
    assert total == pytest.approx(task.weight(whole))
    with torch.inference_mode():
        loss, *losses = (
            float(task.loss(model(b.input_ids, b.token_type_ids, b.attention_mask), b))
            for b in (whole, *parts)
        )
    weighted = [value * task.weight(part) / total for value, part in zip(losses, parts, strict=True)]
    assert sum(weighted) == pytest.approx(loss, rel=1e-5)
