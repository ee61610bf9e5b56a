"""``bertwright fill-mask``: the shape of its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from bertwright.inference.model import load


def test_json(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("fill-mask", pretrained_folder, "the [MASK] of [MASK]", "--top-k", "3", "--json")
    assert (answer.code, answer.err) == (0, "")
    masks = answer.json["masks"]
    assert [mask["position"] for mask in masks] == [2, 4]
    assert [mask["offsets"] for mask in masks] == [[4, 10], [14, 20]]
    expected = load(pretrained_folder).fill_mask("the [MASK] of [MASK]", top_k=3)
    for mask, filled in zip(masks, expected, strict=True):
        assert len(mask["candidates"]) == 3
        for shown, candidate in zip(mask["candidates"], filled.candidates, strict=True):
            assert shown == {
                "token": candidate.token,
                "id": candidate.id,
                "probability": pytest.approx(candidate.probability),
                "text": candidate.text,
            }


def test_table(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("fill-mask", pretrained_folder, "the [MASK]", "--top-k", "2")
    assert answer.code == 0
    rows = [line.split() for line in answer.out.splitlines() if line.strip() and "─" not in line]
    assert rows[0] == ["position", "token", "probability", "text"]
    assert [row[0] for row in rows[1:]] == ["2", "2"]


def test_text_without_a_blank(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("fill-mask", pretrained_folder, "the sea")
    assert (answer.code, answer.out) == (2, "")
    assert (
        answer.err == 'error: text: expected at least one [MASK], got "the sea" (write the blank as [MASK])\n'
    )
