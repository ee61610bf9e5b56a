"""Exact match and F1: by hand, by property, and against stored values of the official evaluations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from golden_squad import read_json
from hypothesis import given
from hypothesis import strategies as st
from official_squad import squad_v1, squad_v2

from bertwright.tasks.answer.metrics import (
    character_units,
    longest_run,
    question_scores,
    units_for,
    word_units,
)


def references(dataset: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {
        question["id"]: [answer["text"] for answer in question["answers"]]
        for article in dataset
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    }


def test_version_1() -> None:
    stored = read_json("metrics/squad_v1.json.gz")
    right = references(stored["dataset"])
    assert squad_v1(right, stored["predictions"]) == pytest.approx(stored["result"], abs=1e-9)
    keys = list(stored["per_question_exact_f1"])
    scores = question_scores(
        [stored["predictions"][key] for key in keys], [right[key] for key in keys], may_lack=False
    )
    found = np.stack([scores.exact, scores.f1], axis=1)
    np.testing.assert_allclose(found, list(stored["per_question_exact_f1"].values()), rtol=0, atol=1e-9)


def test_version_2() -> None:
    stored = read_json("metrics/squad_v2.json.gz")
    right, given_, odds = references(stored["dataset"]), stored["predictions"], stored["na_prob"]
    for threshold in (0, 1):
        report = squad_v2(right, given_, odds, threshold=threshold)
        assert report == pytest.approx(stored[f"result_threshold_{threshold}"], abs=1e-9)
    assert squad_v2(right, given_) == pytest.approx(stored["result_without_na_prob"], abs=1e-9)
    scores = question_scores([given_[key] for key in right], list(right.values()))
    assert scores.exact.tolist() == pytest.approx([stored["exact"][key] for key in right], abs=1e-9)
    assert scores.f1.tolist() == pytest.approx([stored["f1"][key] for key in right], abs=1e-9)


def test_every_question_needs_a_prediction_in_version_2() -> None:
    with pytest.raises(ValueError, match="every question"):
        squad_v2({"a": ["x"], "b": []}, {"a": "x"})
    with pytest.raises(ValueError, match="every question"):
        squad_v2({"a": ["x"]}, {"a": "x"}, {})


def test_words_by_hand() -> None:
    assert word_units("The U.S. Army's  an-other, THEATRE") == ["us", "armys", "another", "theatre"]
    scores = question_scores(
        ["the big red dog", "dog dog", "", "cat"], [["red dog!", "dogs"], ["dog"], ["dog"], ["dog", "Cat."]]
    )
    assert scores.exact.tolist() == [0, 0, 0, 1]
    # 2 words in common of 3 and 2; 1 of 2 and 1; none; the same
    assert scores.f1.tolist() == pytest.approx([2 * (2 / 3) * 1 / (2 / 3 + 1), 2 / 3, 0, 1])


def test_no_answer_by_hand() -> None:
    assert question_scores(["", "x", "the"], [[], [], []]).f1.tolist() == [1, 0, 1]
    nothing_said = question_scores(["", "x"], [["the"], ["the"]])
    assert nothing_said.f1.tolist() == [1, 0], "a right answer that says nothing is none"
    strict = question_scores(["", "a"], [["the"], ["the"]], may_lack=False)
    assert strict.exact.tolist() == [1, 1]
    assert strict.f1.tolist() == [0, 0], "as evaluate-v1.1 has it: no word in common"


def test_characters_by_hand() -> None:
    text = "他于1990年，在IBM公司 工作。"
    assert character_units(text) == ["他", "于", "1990", "年", "在", "ibm", "公", "司", "工", "作"]
    assert character_units("2.5%") == character_units("2,5") == ["2", "5"]  # in CMRC's own not the same
    assert character_units("東京タワー、ไทย") == ["東", "京", "タ", "ワ", "ー", "ไ", "ท", "ย"]
    scores = question_scores(
        ["水炸弹泡", "水弹", "《水枪》", "第2回"],
        [["水枪、水炸弹"], ["水炸弹"], ["水枪"], ["第2回"]],
        units="characters",
    )
    assert scores.exact.tolist() == [0, 0, 1, 1]
    # the run 水炸弹: 3 of 4 and of 5; 水 or 弹, not both: 1 of 2 and of 3
    assert scores.f1.tolist() == pytest.approx([2 * 3 / (4 + 5), 2 * 1 / (2 + 3), 1, 1])


def test_units_for() -> None:
    assert units_for(["中国", "IBM"]) == "words", "three letters of five"
    assert units_for(["中国人民", "IBM"]) == "characters"
    assert units_for(["the 中 sign"]) == "words"
    assert units_for(["1990", ""]) == "words"


WORDS = st.lists(st.sampled_from(["red", "dog", "the", "a", "cat", "，", "中", "国"]), max_size=6)


@given(WORDS, WORDS)
def test_scores_are_symmetric_shares(one: list[str], other: list[str]) -> None:
    for units in ("words", "characters"):
        there = question_scores([" ".join(one)], [[" ".join(other)]], units=units)
        back = question_scores([" ".join(other)], [[" ".join(one)]], units=units)
        assert there.f1[0] == pytest.approx(back.f1[0])
        assert 0 <= there.exact[0] <= there.f1[0] <= 1
        assert question_scores([" ".join(one)], [[" ".join(one)]], units=units).f1[0] == 1


@given(st.text("ab", max_size=8), st.text("ab", max_size=8))
def test_longest_run(one: str, other: str) -> None:
    runs = [one[i:j] for i in range(len(one)) for j in range(i + 1, len(one) + 1)]
    assert longest_run(one, other) == max((len(run) for run in runs if run in other), default=0)
