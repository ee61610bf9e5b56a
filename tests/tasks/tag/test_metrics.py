"""Entity rates: by hand, and equal to seqeval's."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_path

from bertwright.tasks.tag.metrics import (
    Rates,
    entity_metrics,
    entity_report,
    tag_metrics,
    token_accuracy,
)

TAGS = st.lists(st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"]), min_size=1, max_size=8)


@pytest.mark.parametrize("mode", ["default", "strict_IOB2"])
def test_equal_to_seqeval(mode: str) -> None:
    cases = json.loads(gzip.decompress(shared_path("golden/metrics/tagging_seqeval.json.gz").read_bytes()))
    assert len(cases) > 5
    for case in cases.values():
        assert_equal_to_seqeval(case, mode)


def assert_equal_to_seqeval(case: dict[str, Any], mode: str) -> None:
    expected = case[mode]
    report = entity_report(case["y_true"], case["y_pred"], strict=mode == "strict_IOB2")
    for average in ("micro", "macro", "weighted"):
        rates: Rates = getattr(report, average)
        for rate, value in zip(("precision", "recall", "f1"), rates, strict=True):
            stored = expected[f"{rate}_score_{average}"]
            assert value == pytest.approx(stored or 0.0, abs=1e-9), (average, rate)
    rows = {kind: row for kind, row in expected["report"].items() if not kind.endswith(" avg")}
    assert set(report.by_type) == set(rows)
    for kind, row in rows.items():
        assert report.by_type[kind] == pytest.approx(
            (row["precision"], row["recall"], row["f1-score"]), abs=1e-9
        )
        assert report.support[kind] == row["support"]
    assert token_accuracy(case["y_true"], case["y_pred"]) == pytest.approx(case["token_accuracy"], abs=1e-9)


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
    values = tag_metrics([["N", "V"], ["N"]], [["N", "N"], ["N"]])
    assert values["accuracy"] == pytest.approx(2 / 3)
    assert values["f1_macro"] == pytest.approx((0.8 + 0) / 2)
    assert values["f1_weighted"] == pytest.approx(0.8 * 2 / 3)


@settings(deadline=None)
@given(st.lists(TAGS, min_size=1, max_size=4))
def test_the_truth_itself_is_perfect(sentences: list[list[str]]) -> None:
    for strict in (False, True):
        report = entity_report(sentences, sentences, strict=strict)
        assert all(rates == (1, 1, 1) for rates in report.by_type.values())
        assert report.micro == ((1, 1, 1) if report.by_type else (0, 0, 0))
