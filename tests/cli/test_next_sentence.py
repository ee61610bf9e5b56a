"""``bertwright next-sentence``: the shape of its answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_models import save_pretrained

from bertwright.inference.model import load

A, B = "he opened the door", "the room was dark"


def test_json(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("next-sentence", pretrained_folder, A, B, "--json")
    assert (answer.code, answer.err) == (0, "")
    expected = load(pretrained_folder).next_sentence(A, B)
    assert answer.json == {"is_next": pytest.approx(expected), "truncated": False, "question": "next"}


def test_words(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    expected = load(pretrained_folder).next_sentence(A, B)
    answer = command("next-sentence", pretrained_folder, A, B)
    assert answer.out == f"B follows A with probability {expected:.4f}\n"


def test_cut_pairs_are_told(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("next-sentence", pretrained_folder, "the sea " * 30, B, "--json")
    assert answer.json["truncated"]
    assert answer.err.startswith("warning: the pair was cut")


def test_text_that_begins_with_a_dash(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("next-sentence", pretrained_folder, "--json", "--", "- the sea", "-- a door")
    assert answer.code == 0
    assert 0 <= answer.json["is_next"] <= 1


def test_a_model_of_sentence_order_says_so(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = save_pretrained(tmp_path / "order", objective="mlm+sop")
    assert command("next-sentence", folder, A, B).out.startswith("A comes before B with probability 0.")
    assert command("next-sentence", folder, A, B, "--json").json["question"] == "order"
