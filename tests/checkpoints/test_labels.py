"""Class names in config.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_models

from bertwright.checkpoints.labels import label_fields, read_labels, require_room
from bertwright.checkpoints.model_folder import open_model, save_model
from bertwright.errors import ModelError
from bertwright.model.classifier import SequenceClassifier


def test_there_and_back() -> None:
    labels = tuple(f"label {index}" for index in range(12))  # "10" sorts before "2"
    fields = label_fields({"kind": "classify", "labels": labels})
    assert read_labels(fields, "config.json") == labels
    assert fields["label2id"]["label 11"] == 11
    assert fields["problem_type"] == "single_label_classification"
    assert read_labels({}, "config.json") is None


def test_other_problems() -> None:
    assert label_fields(None) == {}
    assert label_fields({"kind": "answer"}) == {}
    assert "problem_type" not in label_fields({"kind": "tag", "labels": ["B", "O"]})
    several = {"kind": "classify", "labels": ["a", "b"], "problem_type": "multi_label_classification"}
    assert label_fields(several)["problem_type"] == "multi_label_classification"
    number = label_fields({"kind": "regress", "problem_type": "regression"})
    assert number == {"id2label": {"0": "score"}, "label2id": {"score": 0}, "problem_type": "regression"}


@pytest.mark.parametrize(
    "table",
    [
        ["a", "b"],
        {"0": "a", "2": "b"},
        {"1": "a", "2": "b"},
        {"zero": "a"},
        {"0": "a", "01": "b"},
        {"0": 3},
        {"0": ""},
        {"0": "a", "1": "a"},
    ],
)
def test_malformed_tables(table: Any) -> None:
    with pytest.raises(ModelError, match="id2label"):
        read_labels({"id2label": table}, "config.json")


@pytest.mark.parametrize("count", [1, 3, "2", None, True])
def test_another_number_of_labels(count: Any) -> None:
    with pytest.raises(ModelError, match="num_labels"):
        read_labels({"id2label": {"0": "a", "1": "b"}, "num_labels": count}, "config.json")


def test_seventy_thousand_classes(tmp_path: Path) -> None:
    """As many as ICD-10 has: what was saved opens."""
    labels = [f"T{code:05d}.{code % 7}XA, initial" for code in range(70_000)]
    task = {"kind": "classify", "labels": labels}
    require_room(task, "train.tsv")
    words = small_models.tokenizer()
    model = SequenceClassifier(small_models.config(len(words.vocabulary)), len(labels), seed=0)
    save_model(tmp_path / "model", model, words, task=task, provenance={})
    assert (tmp_path / "model" / "config.json").stat().st_size > 4 << 20
    assert open_model(tmp_path / "model").labels == tuple(labels)


def test_more_names_than_are_read_again() -> None:
    task = {"kind": "classify", "labels": [f"{code} {'long' * 50}" for code in range(40_000)]}
    with pytest.raises(ModelError, match=r"train.tsv: expected names of classes .* at most 15,728,640 bytes"):
        require_room(task, "train.tsv")
