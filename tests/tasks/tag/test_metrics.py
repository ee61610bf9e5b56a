"""Rates of entities and tags: by hand, and equal to seqeval's and scikit-learn's."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_path

from bertwright.statistics.classes import ClassScore
from bertwright.tasks.tag.analysis import type_scores
from bertwright.tasks.tag.metrics import entity_measure, entity_metrics, tag_metrics

TAGS = st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), min_size=1, max_size=8)


def test_equal_to_seqeval() -> None:
    cases = json.loads(gzip.decompress(shared_path("golden/metrics/tagging_seqeval.json.gz").read_bytes()))
    assert len(cases) > 5
    for case in cases.values():
        assert_equal_to_seqeval(case)


def assert_equal_to_seqeval(case: dict[str, Any]) -> None:
    truth, answer = case["y_true"], case["y_pred"]
    lenient, strict = case["default"], case["strict_IOB2"]
    rows = {kind: row for kind, row in lenient["report"].items() if not kind.endswith(" avg")}
    expected = {
        "f1": lenient["f1_score_micro"],
        "precision": lenient["precision_score_micro"],
        "recall": lenient["recall_score_micro"],
        "f1_macro": lenient["f1_score_macro"],
        "f1_weighted": lenient["f1_score_weighted"],
        "accuracy": case["token_accuracy"],
        "f1_strict": strict["f1_score_micro"],
        "precision_strict": strict["precision_score_micro"],
        "recall_strict": strict["recall_score_micro"],
        **{f"f1_{kind}": row["f1-score"] for kind, row in rows.items()},
    }
    found = entity_metrics(truth, answer, sorted(rows), strict=True)
    assert tuple(found) == tuple(expected)
    assert found == pytest.approx({name: value or 0.0 for name, value in expected.items()}, abs=1e-9)
    scores = type_scores(entity_measure(truth, answer, sorted(rows), strict=True), sorted(rows))
    for score in scores:
        assert_equal_row(score, rows[score.label])


def assert_equal_row(score: ClassScore, row: dict[str, float]) -> None:
    rates = (score.precision, score.recall, score.f1)
    assert rates == pytest.approx((row["precision"], row["recall"], row["f1-score"]), abs=1e-9)
    assert score.support == row["support"]


def test_by_hand() -> None:
    truth = [["B-X", "I-X", "O", "B-Y"], ["O", "B-X"]]
    answer = [["B-X", "O", "O", "B-Y"], ["B-Y", "B-X"]]
    # right: Y at word 3 and X at word 1 of the second sentence; given 4, true 3
    values = entity_metrics(truth, answer, ["X", "Y", "Z"], strict=True)
    assert values["precision"] == 2 / 4 and values["recall"] == 2 / 3
    assert values["f1"] == pytest.approx(4 / 7)
    assert values["f1_X"] == 1 / 2 and values["f1_Y"] == pytest.approx(2 / 3) and values["f1_Z"] == 0
    assert values["f1_macro"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert values["f1_weighted"] == pytest.approx((2 * 1 / 2 + 2 / 3) / 3)
    assert values["accuracy"] == pytest.approx(4 / 6)


def test_only_strict_reading_refuses_a_stray_inside() -> None:
    values = entity_metrics([["B-X", "O"]], [["I-X", "O"]], ["X"], strict=True)
    assert values["f1"] == 1 and values["f1_strict"] == 0


def test_plain_tags_by_hand() -> None:
    values = tag_metrics([["N", "V"], ["N"]], [["N", "N"], ["N"]], ["N", "V", "X"])
    assert values["accuracy"] == pytest.approx(2 / 3)
    assert values["f1_macro"] == pytest.approx((0.8 + 0) / 2)
    assert values["f1_weighted"] == pytest.approx(0.8 * 2 / 3)


@settings(deadline=None)
@given(st.lists(TAGS, min_size=1, max_size=4))
def test_the_truth_itself_is_perfect(sentences: list[list[str]]) -> None:
    found = entity_metrics(sentences, sentences, ["X", "Y"], strict=True)
    begins = {tag for tags in sentences for tag in tags}
    some = float(begins != {"O"})
    assert (found["f1"], found["precision"], found["recall"], found["f1_macro"]) == (some,) * 4
    for kind in ("X", "Y"):
        assert found[f"f1_{kind}"] == float(bool(begins & {f"B-{kind}", f"I-{kind}"}))
    assert found["f1_strict"] == float(bool(begins & {"B-X", "B-Y"}))
    assert found["accuracy"] == 1
