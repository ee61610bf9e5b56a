"""A model evaluated and compared with another on the same rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bertwright.checkpoints.model_folder import save_model
from bertwright.errors import UsageError
from bertwright.model.classifier import SequenceClassifier
from bertwright.model.config import BertConfig
from bertwright.model.span_classifier import SpanClassifier
from bertwright.tasks.evaluation import evaluate
from bertwright.tasks.finetuning import finetune
from bertwright.tasks.paired import compare
from bertwright.tasks.settings import FinetuneSettings
from bertwright.tokenization import Tokenizer


def varying(metrics: dict[str, float]) -> set[str]:
    """Those that resamples change: where all rows are right, or all wrong, there is no interval."""
    return {name for name, value in metrics.items() if value not in (0.0, 1.0)}


def small_network(tokenizer: Tokenizer) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokenizer.vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=12,
        initializer_range=0.5,
    )


def classifier(path: Path, tokenizer: Tokenizer, labels: tuple[str, ...], seed: int) -> Path:
    config = small_network(tokenizer)
    columns = {"text": "text", "text_pair": None, "label": "label", "names": None}
    task = {"kind": "classify", "labels": list(labels), "columns": columns, "max_length": 8}
    save_model(path, SequenceClassifier(config, len(labels), seed=seed), tokenizer, task=task, provenance={})
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return (
        classifier(folder / "a", tokenizer, ("bad", "good"), 1),
        classifier(folder / "b", tokenizer, ("bad", "good"), 5),
        classifier(folder / "c", tokenizer, ("bad", "good", "other"), 1),
    )


def test_every_metric_has_its_interval(models: tuple[Path, ...], review_files: tuple[Path, Path]) -> None:
    found = evaluate(models[0], review_files[1], resamples=200)
    assert found.rows == 64 and set(found.intervals) == set(found.metrics)
    for name, bounds in found.intervals.items():
        assert bounds.low <= found.metrics[name] <= bounds.high, name
    at_one = found.analysis.measure.without_each()
    assert {len(values) for values in at_one.values()} == {64}
    assert found.analysis.wrong == sum(
        prediction.to_dict()["label"] != target
        for prediction, target in zip(found.predictions, found.targets, strict=True)
    )
    by = {part.name: sum(group.rows for group in part.groups) for part in found.breakdowns}
    assert by == {"length": 64, "truncation": 64}
    cut = {group.name: group.rows for group in found.breakdowns[1].groups}
    assert cut.get("cut", 0) == found.truncated > 0
    printed = found.to_dict()
    assert {"by_length", "by_truncation", "labels", "confusion", "calibration", "mistakes"} <= printed.keys()
    again = evaluate(models[0], review_files[1], resamples=200)
    assert again.intervals == found.intervals


def test_wider_with_more_confidence(models: tuple[Path, ...], review_files: tuple[Path, Path]) -> None:
    one, other = (evaluate(models[0], review_files[1], confidence=c, resamples=200) for c in (0.5, 0.99))
    widths = [found.intervals["accuracy"].high - found.intervals["accuracy"].low for found in (one, other)]
    assert widths[0] < widths[1]
    with pytest.raises(UsageError, match="between 0 and 1, got 1"):
        evaluate(models[0], review_files[1], confidence=1.0)


def test_a_model_does_not_differ_from_itself(
    models: tuple[Path, ...], review_files: tuple[Path, Path]
) -> None:
    found = compare(models[0], models[0], review_files[1], resamples=50)
    assert {part.p_value for part in found.differences.values()} == {1.0}
    assert {part.difference for part in found.differences.values()} == {0.0}
    assert all("is not significant at 5 %" in sentence for sentence in found.sentences())


def test_two_models(models: tuple[Path, ...], review_files: tuple[Path, Path]) -> None:
    found = compare(models[0], models[1], review_files[1], resamples=200)
    back = compare(models[1], models[0], review_files[1], resamples=200)
    assert set(found.differences) == set(found.one.metrics)
    for name, part in found.differences.items():
        assert part.difference == pytest.approx(found.one.metrics[name] - found.other.metrics[name])
        assert back.differences[name].difference == pytest.approx(-part.difference)
        assert back.differences[name].p_value == part.p_value
    assert found.mcnemar is not None
    gap = found.mcnemar.only_one - found.mcnemar.only_other
    assert gap / 64 == pytest.approx(found.differences["accuracy"].difference)
    assert found.to_dict()["mcnemar"]["only_model"] == found.mcnemar.only_one


def test_models_that_cannot_be_compared(models: tuple[Path, ...], review_files: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="the same task and labels"):
        compare(models[0], models[2], review_files[1])
    with pytest.raises(UsageError, match="the same task"):  # before the file is looked at
        compare(models[0], models[2], Path("nowhere.tsv"))


def test_f1_by_words_is_not_set_against_that_by_characters(tmp_path: Path, tokenizer: Tokenizer) -> None:
    config = small_network(tokenizer)
    for units in ("words", "characters"):
        task = {"kind": "answer", "max_length": 12, "units": units}
        save_model(tmp_path / units, SpanClassifier(config, 2), tokenizer, task=task, provenance={})
    with pytest.raises(UsageError, match=r"characters: expected F1 by words, .* got .by characters"):
        compare(tmp_path / "words", tmp_path / "characters", Path("nowhere.json"))


def test_numbers(pretrained: Path, tmp_path: Path) -> None:
    rows = [
        f"{word} film{' very' * (number % 7)}\t{number % 5}"
        for number in range(20)
        for word in ("fine", "dull")
    ]
    file = tmp_path / "numbers.tsv"
    file.write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    quick = FinetuneSettings(epochs=1, max_length=8, restarts=0)
    finetune(pretrained, kind="regress", train=file, dev=file, output=tmp_path / "model", settings=quick)
    found = evaluate(tmp_path / "model", file, resamples=50)
    assert set(found.intervals) == varying(found.metrics)
    ones = found.analysis.measure.at(np.ones((1, 40)))
    assert {name: float(value[0]) for name, value in ones.items()} == pytest.approx(found.metrics, abs=1e-6)
    assert found.analysis.truth_and_answer is not None
    assert found.analysis.truth_and_answer[:, 0].tolist() == list(found.targets)
    other = compare(tmp_path / "model", tmp_path / "model", file, resamples=20)
    assert other.mcnemar is None and other.to_dict()["mcnemar"] is None


def test_tags(pretrained: Path, tmp_path: Path) -> None:
    words = [f"fine B-GOOD\nfilm {'O' if row % 3 else 'I-GOOD'}\nwas O\ndull B-BAD\n" for row in range(20)]
    file = tmp_path / "tags.conll"
    file.write_text("\n".join(words), encoding="utf-8")
    quick = FinetuneSettings(epochs=1, max_length=5, restarts=0)  # windows of three words
    finetune(pretrained, kind="tag", train=file, dev=file, output=tmp_path / "model", settings=quick)
    found = evaluate(tmp_path / "model", file, resamples=50)
    assert set(found.intervals) == varying(found.metrics)
    ones = found.analysis.measure.at(np.ones((1, 20)))
    assert {name: float(value[0]) for name, value in ones.items()} == pytest.approx(found.metrics, abs=1e-6)
    assert [label.support for label in found.analysis.labels] == [20, 20]
    assert found.analysis.confusion is not None and found.analysis.confusion.counts.sum() == 80


def test_choices(pretrained: Path, tmp_path: Path) -> None:
    file = tmp_path / "choices.jsonl"
    choices = ["fine film", "dull film", "poor plot"]
    rows = [
        {"question": "the film was", "choices": choices[: 2 + row % 2], "label": row % 2} for row in range(20)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    quick = FinetuneSettings(epochs=1, max_length=16, restarts=0)
    finetune(pretrained, kind="choose", train=file, dev=file, output=tmp_path / "model", settings=quick)
    found = evaluate(tmp_path / "model", file, resamples=50)
    assert set(found.intervals) == varying(found.metrics)
    ones = found.analysis.measure.at(np.ones((1, 20)))
    assert {name: float(value[0]) for name, value in ones.items()} == pytest.approx(found.metrics, abs=1e-6)
    assert {mistake.truth for mistake in found.analysis.mistakes} <= {"fine film", "dull film"}


def test_several_labels_a_row(pretrained: Path, tmp_path: Path) -> None:
    rows = [
        {"text": f"{' '.join(words)} film", "label": words}
        for words in (["fine"], ["dull"], ["fine", "dull"], [], ["great", "fine"])
    ] * 4
    file = tmp_path / "labels.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    quick = FinetuneSettings(epochs=2, max_length=8, restarts=0, learning_rate=1e-2, batch_size=4)
    finetune(pretrained, kind="classify", train=file, dev=file, output=tmp_path / "model", settings=quick)
    found = evaluate(tmp_path / "model", file, resamples=50)
    assert set(found.intervals) == varying(found.metrics)
    ones = found.analysis.measure.at(np.ones((1, 20)))
    assert {name: float(value[0]) for name, value in ones.items()} == pytest.approx(found.metrics, abs=1e-6)
    support = {label.label: label.support for label in found.analysis.labels}
    assert support == {"dull": 8, "fine": 12, "great": 4}


def test_the_files_that_made_the_model_are_told(
    pretrained: Path, review_files: tuple[Path, Path], tmp_path: Path
) -> None:
    train, dev = review_files
    quick = FinetuneSettings(epochs=1, max_length=8, restarts=0)
    finetune(pretrained, train=train, dev=dev, output=tmp_path / "model", settings=quick)
    other, copy = tmp_path / "dev.tsv", tmp_path / "copy.tsv"
    other.write_text(dev.read_text(encoding="utf-8") + "a fine film\tgood\n", encoding="utf-8")
    copy.write_bytes(train.read_bytes())
    found = {path: evaluate(tmp_path / "model", path, resamples=20).warnings for path in (dev, copy, other)}
    assert [warning for warning in found[dev] if "model" in warning] == [
        "dev.tsv: the model's weights were chosen by these very rows: expect less of other rows, and no "
        "interval says how much less"
    ]
    assert any(
        warning.startswith("copy.tsv: the model has learned these very rows") for warning in found[copy]
    )
    assert not any("model" in warning for warning in found[other]), "the name says nothing"
    compared = compare(tmp_path / "model", tmp_path / "model", dev, resamples=20).to_dict()["warnings"]
    assert len(compared) == len(set(compared)) == len(found[dev])
