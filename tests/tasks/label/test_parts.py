"""Sets of labels: as files have them, their metrics, thresholds and decoding."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.metrics import f1_score

from bertwright.errors import TableError
from bertwright.tables.columns import Columns, choose_table
from bertwright.tasks.classify.settings import ClassifySettings
from bertwright.tasks.examples import Example, ExampleFile
from bertwright.tasks.label.decoding import decode, probabilities
from bertwright.tasks.label.metrics import NAMES, label_metrics
from bertwright.tasks.label.reading import check_labels, labels_of, read_labels
from bertwright.tasks.label.thresholds import fitted_thresholds


def read(path: Path, separator: str = ",") -> ExampleFile[Example[tuple[str, ...]]]:
    return read_labels(choose_table(path, Columns()), separator)


def objects(path: Path, *labels: object) -> Path:
    path.write_text(
        "".join(json.dumps({"text": f"text {n}", "labels": x}) + "\n" for n, x in enumerate(labels))
    )
    return path


def test_lists_and_texts(tmp_path: Path) -> None:
    file = read(objects(tmp_path / "a.jsonl", ["b", "a"], [], [3, 1], "a, b", "", ["true", False]))
    expected = [("a", "b"), (), ("1", "3"), ("a", "b"), (), ("false", "true")]
    assert [example.target for example in file.examples] == expected
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabels\nx\tsport; news\ny\t\n")
    assert [example.target for example in read(path, ";").examples] == [("news", "sport"), ()]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (["a", "a"], "column 'labels': expected each label once, got \"a\""),
        (["a", ""], "expected a label"),
        ([" a"], "take the space away"),
        ([1.0], "expected a class"),
        ([["a"]], "expected a label"),
        (None, 'expected a list of labels, got "null"'),
        (7, "expected a list of labels, got 7"),
        ("a,,b", "expected a label"),
        ('["a"]', "lists are for JSON lines"),
    ],
)
def test_bad_labels_are_named(tmp_path: Path, label: object, message: str) -> None:
    with pytest.raises(TableError) as error:
        read(objects(tmp_path / "a.jsonl", ["a"], label))
    assert message in error.value.message and "a.jsonl:2" in error.value.message


def test_labels_of_a_file(tmp_path: Path) -> None:
    file = read(objects(tmp_path / "a.jsonl", ["b", "a"], [], ["c"]))
    assert labels_of(file) == ("a", "b", "c")
    with pytest.raises(TableError, match=r"a.jsonl:3: expected labels among .*, got \"c\" \(it was never"):
        check_labels(file, ("a", "b"))
    with pytest.raises(TableError, match="rows with different labels"):
        labels_of(read(objects(tmp_path / "b.jsonl", ["a"], ["a"])))


def test_settings() -> None:
    assert ClassifySettings().asks_for_several is None
    assert ClassifySettings(separator=";").asks_for_several is True
    assert ClassifySettings(multi_label=False).asks_for_several is False
    with pytest.raises(ValidationError, match="only with multi_label"):
        ClassifySettings(multi_label=False, fit_threshold=True)


def test_metrics_by_hand() -> None:
    truth = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0]]) > 0
    given = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0]]) > 0
    metrics = label_metrics(truth, given)
    # hits 2, one given wrongly, one missed; label 3 never occurs; the second row is right
    assert metrics == pytest.approx(
        {"f1_micro": 4 / 6, "f1_macro": 2 / 3, "f1_samples": (2 / 3 + 1 + 2 / 3) / 3, "exact_match": 1 / 3}
    )
    assert label_metrics(truth, truth) == dict.fromkeys(NAMES, 1.0)
    assert label_metrics(truth & False, truth & False) == dict.fromkeys(NAMES, 1.0)
    one = np.array([[True], [False], [False]])
    assert label_metrics(one, ~one)["f1_micro"] == 0.0  # a single label is no pair of classes


matrices = arrays(np.bool_, (6, 3))


@settings(deadline=None)
@given(matrices, matrices)
def test_metrics_are_those_of_scikit_learn(truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> None:
    metrics = label_metrics(truth, given)
    assert all(0 <= value <= 1 for value in metrics.values())
    assert metrics["exact_match"] == np.mean(
        [tuple(a) == tuple(b) for a, b in zip(truth, given, strict=True)]
    )
    assert metrics["f1_samples"] == pytest.approx(
        f1_score(truth, given, average="samples", zero_division=1.0)
    )
    if (truth | given).any(axis=0).all():
        for average in ("micro", "macro"):
            assert metrics[f"f1_{average}"] == pytest.approx(f1_score(truth, given, average=average))


def test_decoding_by_hand() -> None:
    outputs = [np.array([0.0, np.log(3.0)], np.float32), np.array([-800.0, 800.0], np.float32)]
    assert probabilities(outputs).tolist() == [[0.5, pytest.approx(0.75)], [0.0, 1.0]]
    first, second = decode(outputs, ("a", "b"), (0.5, 0.8), (False, True))
    assert first.to_dict()["labels"] == ["a"] and second.to_dict()["labels"] == ["b"]
    assert list(first.to_dict()) == ["labels", "probabilities", "truncated"] and second.truncated


def test_thresholds_by_hand() -> None:
    probable = np.array([[0.9, 0.1, 0.3], [0.4, 0.3, 0.2], [0.2, 0.2, 0.6]])
    truth = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0]]) > 0
    assert fitted_thresholds(probable, truth) == pytest.approx((0.3, 0.25, 0.5))


@settings(deadline=None)
@given(
    arrays(np.float64, (8, 2), elements=st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9])), arrays(np.bool_, (8, 2))
)
def test_no_other_threshold_is_better(probable: NDArray[np.float64], truth: NDArray[np.bool_]) -> None:
    fitted = fitted_thresholds(probable, truth)
    for label, threshold in enumerate(fitted):
        best = f1_score(truth[:, label], probable[:, label] >= threshold, zero_division=0)
        for other in (0.05, 0.2, 0.4, 0.5, 0.6, 0.8, 0.95):
            assert best >= f1_score(truth[:, label], probable[:, label] >= other, zero_division=0) - 1e-12
