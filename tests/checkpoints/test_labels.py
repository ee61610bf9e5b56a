"""Class names in config.json."""

from __future__ import annotations

from typing import Any

import pytest

from bertwright.checkpoints.labels import label_fields, read_labels
from bertwright.errors import ModelError


def test_there_and_back() -> None:
    labels = tuple(f"label {index}" for index in range(12))  # "10" sorts before "2"
    fields = label_fields(labels)
    assert read_labels(fields, "config.json") == labels
    assert fields["label2id"]["label 11"] == 11
    assert read_labels({}, "config.json") is None


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
