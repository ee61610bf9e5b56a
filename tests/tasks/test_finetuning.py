"""Fine-tuning end to end on a very small model: it learns, saves the best, repeats itself exactly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import (
    InputError,
    OutputExistsError,
    SettingsError,
    TableError,
    UsageError,
)
from bertwright.model.config import BertConfig
from bertwright.model.encoder import BertEncoder
from bertwright.progress import Silent
from bertwright.tables.columns import Columns
from bertwright.tasks.classify.task import ClassifyTask
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.examples import ExampleFile, drawn
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.kinds import open_task
from bertwright.tasks.outputs import run_model
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tasks.summary import FinetuneSummary, Spread
from bertwright.tokenization import Tokenizer

Table = Callable[[str, list[tuple[str, str]]], Path]
Files = tuple[Path, Path]
QUICK = FinetuneSettings(learning_rate=1e-2, epochs=2, batch_size=16, precision="fp32")


class Notes(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)

    def warn(self, message: str) -> None:
        self.lines.append(f"warning: {message}")


@pytest.fixture(scope="module")
def summary(
    pretrained: Path, review_files: Files, tmp_path_factory: pytest.TempPathFactory
) -> FinetuneSummary:
    train, dev = review_files
    output = tmp_path_factory.mktemp("finetuned") / "model"
    return finetune(pretrained, train=train, dev=dev, output=output, settings=QUICK, seeds=(0, 1))


def test_it_learns(summary: FinetuneSummary) -> None:
    assert summary.metrics["accuracy"] >= 0.95
    assert summary.baseline["accuracy"] < 0.6
    assert (summary.rows, summary.train_rows, summary.truncated, summary.train_truncated) == (64, 256, 0, 0)
    assert summary.learning_rate == 1e-2


def test_the_best_seed_is_saved_and_the_spread_is_told(summary: FinetuneSummary) -> None:
    ranked = [(run.metrics["accuracy"], -run.metrics["loss"]) for run in summary.runs]
    assert ranked[summary.runs.index(summary.best)] == max(ranked)
    values = [run.metrics["accuracy"] for run in summary.runs]
    assert summary.spread["accuracy"] == Spread(
        np.mean(values), pytest.approx(np.std(values, ddof=1)), min(values), max(values)
    )
    assert [run.seed for run in summary.runs] == [0, 1]
    assert summary.runs[0].metrics != summary.runs[1].metrics
    for run in summary.runs:
        assert len(run.epochs) == 2
        assert run.metrics == run.epochs[int(run.epoch) - 1]
        assert run.metrics["accuracy"] == max(epoch["accuracy"] for epoch in run.epochs)


def test_ranks_would_all_do_the_same(
    pretrained: Path, review_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    train, dev = review_files
    with pytest.raises(UsageError, match="finetune: expected a single process, got one of 2"):
        finetune(pretrained, train=train, dev=dev, output=tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_spread_of_one_seed_has_no_deviation() -> None:
    assert Spread.of([0.5]).to_dict() == {"mean": 0.5, "deviation": None, "lowest": 0.5, "highest": 0.5}


def test_evaluate_repeats_the_metrics_of_the_saved_model(
    summary: FinetuneSummary, review_files: Files
) -> None:
    result = evaluate(summary.output, review_files[1])
    assert result.metrics == summary.metrics
    assert (result.rows, result.truncated) == (64, 0)
    lines = [json.loads(line) for line in result.to_json_lines().splitlines()]
    right = sum(line["label"] == line["target"] for line in lines)
    assert right / 64 == result.metrics["accuracy"]
    assert [line["row"] for line in lines] == list(range(64))
    assert [line["line"] for line in lines] == list(range(2, 66))


def test_the_same_seed_gives_the_same_bytes(
    summary: FinetuneSummary, pretrained: Path, review_files: Files, tmp_path: Path
) -> None:
    train, dev = review_files
    torch.manual_seed(1234)  # the caller's own chance has no say
    finetune(pretrained, train=train, dev=dev, output=tmp_path / "again", settings=QUICK, seeds=(0, 1))
    for name in ("model.safetensors", "config.json", "vocab.txt", "bertwright.json", "README.md"):
        assert (tmp_path / "again" / name).read_bytes() == (summary.output / name).read_bytes(), name


def test_the_order_of_seeds_does_not_change_a_run(
    summary: FinetuneSummary, pretrained: Path, review_files: Files, tmp_path: Path
) -> None:
    train, dev = review_files
    alone = finetune(pretrained, train=train, dev=dev, output=tmp_path / "one", settings=QUICK, seeds=(1,))
    assert alone.runs[0].to_dict() == summary.runs[1].to_dict()


def test_what_is_stored_with_the_model(summary: FinetuneSummary, pretrained: Path) -> None:
    folder = open_model(summary.output)
    assert folder.task is not None
    assert folder.task["kind"] == "classify"
    assert folder.task["labels"] == ["bad", "good"]
    assert folder.task["max_length"] == 40
    assert folder.task["metrics"] == summary.metrics
    assert folder.task["columns"]["text"] == "text"
    provenance = folder.manifest["provenance"]
    assert provenance["from_model"] == open_model(pretrained).manifest["digest"]
    assert provenance["settings"]["epochs"] == 2
    assert [run["seed"] for run in provenance["seeds"]] == [0, 1]
    task = open_task(folder)
    assert isinstance(task, ClassifyTask)
    assert task.labels == ("bad", "good")


def test_transformers_opens_it_with_equal_logits(summary: FinetuneSummary, review_files: Files) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertForSequenceClassification.from_pretrained(summary.output).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(summary.output)
    assert theirs.config.id2label == {0: "bad", 1: "good"}
    assert theirs.config.label2id == {"bad": 0, "good": 1}
    assert theirs.config.problem_type == "single_label_classification"
    folder = open_model(summary.output)
    task = open_task(folder)
    texts = [example.text for example in task.read(review_files[1]).examples]
    features = task.encode(texts)
    ours = run_model(task.trained_model(folder), features, pad_id=0)
    with torch.inference_mode():
        batch = tokenizer(texts, padding=True, truncation=True, max_length=40, return_tensors="pt")
        logits = theirs(**batch).logits.numpy()
    np.testing.assert_allclose(np.stack(ours), logits, atol=1e-5)
    labels = [theirs.config.id2label[index] for index in logits.argmax(axis=1)]
    assert [answer.label for answer in task.decode(ours, features, texts)] == labels


def test_a_classifier_of_transformers_opens_as_a_task(
    summary: FinetuneSummary, review_files: Files, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertForSequenceClassification.from_pretrained(summary.output)
    theirs.save_pretrained(tmp_path / "theirs")
    transformers.AutoTokenizer.from_pretrained(summary.output).save_pretrained(tmp_path / "theirs")
    result = evaluate(tmp_path / "theirs", review_files[1])
    assert result.metrics == pytest.approx(summary.metrics, abs=1e-6)


def test_pairs(pretrained: Path, tmp_path: Path) -> None:
    rows = [
        {"a": first, "b": second, "same": (first in good) == (second in good)}
        for good in [("fine", "great")]
        for first in ("fine", "great", "dull", "poor")
        for second in ("fine", "great", "dull", "poor")
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    notes = Notes()
    result = finetune(
        pretrained,
        train=path,
        dev=path,
        output=tmp_path / "out",
        columns=Columns("a", "b", "same"),
        settings=QUICK.model_copy(update={"epochs": 1}),
        progress=notes,
    )
    assert open_model(result.output).labels == ("false", "true")
    assert "warning: pairs.jsonl: 16 rows (100.0%) also in pairs.jsonl, the first at line 1" in notes.lines
    assert "warning: pairs.jsonl: 4 rows with two equal texts, the first at line 1" in notes.lines
    answers = open_task(open_model(result.output)).encode([("fine", "dull")])
    assert answers[0].token_type_ids.tolist() == [0, 0, 0, 1, 1]


def test_truncation_is_counted(pretrained: Path, table: Table, tmp_path: Path) -> None:
    train = table("train.tsv", [("the film was fine", "a"), ("dull", "b"), ("the plot was very dull", "b")])
    dev = table("dev.tsv", [("great", "a"), ("the actor was poor", "b")])
    settings = QUICK.model_copy(update={"max_length": 5, "epochs": 1})
    result = finetune(pretrained, train=train, dev=dev, output=tmp_path / "out", settings=settings)
    assert (result.truncated, result.train_truncated) == (1, 2)
    assert evaluate(result.output, dev).truncated == 1


def test_a_frozen_encoder_keeps_its_weights(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    train, dev = review_files
    settings = QUICK.model_copy(update={"freeze": True, "epochs": 1})
    finetune(pretrained, train=train, dev=dev, output=tmp_path / "out", settings=settings)
    before, after = (open_model(path).encoder().state_dict() for path in (pretrained, tmp_path / "out"))
    assert len(before) == 19
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_from_scratch_uses_the_shape_and_not_the_weights(
    pretrained: Path, review_files: Files, tmp_path: Path
) -> None:
    train, dev = review_files
    settings = FinetuneSettings(learning_rate=1e-12, epochs=1, from_scratch=True, precision="fp32")
    finetune(pretrained, train=train, dev=dev, output=tmp_path / "out", settings=settings)
    before, after = (open_model(path).encoder().state_dict() for path in (pretrained, tmp_path / "out"))
    name = "embeddings.word_embeddings.weight"
    assert before[name].shape == after[name].shape
    assert float((before[name] - after[name]).abs().mean()) > 0.01


def test_a_run_that_learned_nothing_is_named_and_restarted(
    pretrained: Path, review_files: Files, tmp_path: Path
) -> None:
    train, dev = review_files
    notes = Notes()
    settings = FinetuneSettings(learning_rate=1e-9, epochs=1, restarts=1, precision="fp32")
    result = finetune(
        pretrained, train=train, dev=dev, output=tmp_path / "out", settings=settings, progress=notes
    )
    (run,) = result.runs
    assert run.attempts == 2
    assert run.stuck is not None and run.stuck.startswith("every row was given the label '")
    said = [line for line in notes.lines if "nothing was learned" in line]
    assert said[0].startswith("seed 0, attempt 1: every row") and said[0].endswith("with other chance")
    assert said[1].startswith("seed 0, attempt 2: every row") and said[1].endswith("keeping it as it is")


def test_the_guess_is_said(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    notes = Notes()
    train, dev = review_files
    settings = QUICK.model_copy(update={"epochs": 1})
    finetune(pretrained, train=train, dev=dev, output=tmp_path / "out", settings=settings, progress=notes)
    assert any(line.startswith("train.tsv: guessed text 'text', label 'label'") for line in notes.lines)


def test_a_vocabulary_of_another_language_is_noticed(pretrained: Path, table: Table, tmp_path: Path) -> None:
    train = table("train.tsv", [("片子很好", "good"), ("the film was dull", "bad")])
    settings = QUICK.model_copy(update={"epochs": 1, "restarts": 0})
    result = finetune(pretrained, train=train, dev=train, output=tmp_path / "out", settings=settings)
    # [CLS] 片 子 很 好 [SEP] and [CLS] the film was dull [SEP]: 4 of 12
    said = "33% of the pieces are unknown to the model's vocabulary: is it another language or casing?"
    assert f"train.tsv: {said}" in result.warnings


@pytest.mark.parametrize(
    "change,error,message",
    [
        ({"seeds": ()}, UsageError, "at least one seed"),
        ({"seeds": (1, 1)}, UsageError, "each seed once"),
        ({"kind": "sing"}, UsageError, "a task among classify.*, got 'sing'"),
        ({"columns": Columns("text", None, "gold")}, InputError, 'a column "gold" with the labels'),
        (
            {"settings": QUICK.model_copy(update={"max_length": 41})},
            SettingsError,
            "at most 40, the model's positions, got 41",
        ),
        (
            {"settings": QUICK.model_copy(update={"metric": "bleu"})},
            SettingsError,
            "metric: expected one of accuracy",
        ),
        ({"settings": QUICK.model_copy(update={"device": "cuda"})}, UsageError, "device: cuda was asked for"),
        ({"model": Path("nowhere")}, InputError, "nowhere: expected a model folder"),
        ({"train": Path("nowhere.tsv")}, TableError, "nowhere.tsv: expected a file of rows"),
    ],
)
def test_bad_requests_write_nothing(
    change: dict[str, Any],
    error: type[InputError],
    message: str,
    pretrained: Path,
    review_files: Files,
    tmp_path: Path,
) -> None:
    train, dev = review_files
    request = {"model": pretrained, "train": train, "dev": dev, "output": tmp_path / "out", "settings": QUICK}
    request |= change
    with pytest.raises(error, match=message):
        finetune(request.pop("model"), **request)
    assert list(tmp_path.iterdir()) == []


def test_dev_label_never_seen_in_training(pretrained: Path, table: Table, tmp_path: Path) -> None:
    train = table("train.tsv", [("fine", "good"), ("dull", "bad")])
    dev = table("dev.tsv", [("great", "good"), ("the", "so-so")])
    with pytest.raises(TableError, match=r'dev.tsv:3: expected a label among "bad", "good", got "so-so"'):
        finetune(pretrained, train=train, dev=dev, output=tmp_path / "out", settings=QUICK)
    assert not (tmp_path / "out").exists()


def test_an_output_that_exists_is_kept(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    train, dev = review_files
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputExistsError):
        finetune(pretrained, train=train, dev=dev, output=tmp_path / "out")
    with pytest.raises(UsageError, match="other than what is read"):
        finetune(pretrained, train=train, dev=dev, output=pretrained, overwrite=True)
    with pytest.raises(UsageError, match="does not hold what is read"):
        finetune(pretrained, train=train, dev=dev, output=train.parent, overwrite=True)
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(OutputExistsError, match="not an output"):  # before anything is read
        finetune(tmp_path / "no", train=train, dev=dev, output=tmp_path / "out", overwrite=True)


def test_contradicting_settings() -> None:
    with pytest.raises(ValueError, match="freeze and from_scratch"):
        FinetuneSettings(freeze=True, from_scratch=True)


@pytest.mark.parametrize("hidden_size,expected", [(128, 3e-4), (256, 3e-4), (512, 5e-5), (768, 5e-5)])
def test_learning_rates(hidden_size: int, expected: float) -> None:
    config = BertConfig(
        vocab_size=9, hidden_size=hidden_size, num_hidden_layers=1, num_attention_heads=2, intermediate_size=4
    )
    assert FinetuneSettings().rate_for(config) == expected
    assert FinetuneSettings(freeze=True).rate_for(config) == 1e-3
    assert FinetuneSettings(learning_rate=2e-5, freeze=True).rate_for(config) == 2e-5


def test_a_model_without_task_cannot_be_evaluated(pretrained: Path, review_files: Files) -> None:
    with pytest.raises(InputError, match=r"a fine-tuned model, got .one without a task"):
        evaluate(pretrained, review_files[1])


def test_a_model_without_pooler_says_so(
    tokenizer: Tokenizer, review_files: Files, pretrained: Path, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    model = transformers.BertForMaskedLM.from_pretrained(pretrained)
    model.save_pretrained(tmp_path / "mlm")
    transformers.AutoTokenizer.from_pretrained(pretrained).save_pretrained(tmp_path / "mlm")
    notes = Notes()
    train, dev = review_files
    settings = QUICK.model_copy(update={"epochs": 1})
    finetune(
        tmp_path / "mlm", train=train, dev=dev, output=tmp_path / "out", settings=settings, progress=notes
    )
    assert any("pooler" in line for line in notes.lines)


def test_an_encoder_alone_is_enough(tokenizer: Tokenizer, review_files: Files, tmp_path: Path) -> None:
    config = BertConfig(
        vocab_size=len(tokenizer.vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=20,
    )
    save_model(tmp_path / "encoder", BertEncoder(config), tokenizer, task=None, provenance={})
    train, dev = review_files
    settings = QUICK.model_copy(update={"epochs": 1})
    finetune(tmp_path / "encoder", train=train, dev=dev, output=tmp_path / "out", settings=settings)
    assert open_model(tmp_path / "out").task is not None


def test_fewer_training_rows(pretrained: Path, review_files: Files, tmp_path: Path) -> None:
    """Always the same ones, in their order; the labels are those of the whole file."""
    train, dev = review_files
    few = QUICK.model_copy(update={"rows": 40})
    summary = finetune(pretrained, train=train, dev=dev, output=tmp_path / "few", settings=few)
    assert summary.train_rows == 40
    head, *lines = train.read_text().splitlines()
    file = ExampleFile(train, list(range(len(lines))))
    chosen = drawn(file, 40).examples
    assert chosen == drawn(file, 40).examples == sorted(set(chosen))
    part = tmp_path / "part.tsv"
    part.write_text("\n".join([head, *(lines[place] for place in chosen)]) + "\n")
    same = finetune(pretrained, train=part, dev=dev, output=tmp_path / "same", settings=QUICK)
    assert same.runs == summary.runs
    assert drawn(file, 256) is drawn(file, None) is file
