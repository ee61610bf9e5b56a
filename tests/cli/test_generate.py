"""``bertwright generate``, and the other commands on a left-to-right model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_models import save_left_to_right

from bertwright.inference.model import load


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_left_to_right(tmp_path_factory.mktemp("left") / "model")


def test_one_text(command, left: Path) -> None:  # type: ignore[no-untyped-def]
    options = ("--max-tokens", "5", "--top-p", "0.9", "--seed", "3")
    answer = command("generate", left, "The old man", *options, "--json")
    (expected,) = load(left).generate(["The old man"], max_tokens=5, top_p=0.9, seed=3)
    assert answer.code == 0
    assert answer.json == expected.to_dict()
    assert set(answer.json) == {"text", "continuation", "tokens", "stopped", "truncated"}
    assert command("generate", left, "The old man", *options).out.strip() == expected.text


def test_a_file(command, left: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file, output = tmp_path / "texts.txt", tmp_path / "out.jsonl"
    file.write_text("the man\n" + "man " * 60 + "\n")
    answer = command("generate", left, "--file", file, "-o", output, "--max-tokens", "4", "--json")
    assert answer.code == 0
    assert answer.json["rows"] == 2 and answer.json["truncated"] == 1
    assert set(answer.json["stopped"]) == {"end", "tokens", "positions"}
    assert sum(answer.json["stopped"].values()) == 2
    assert answer.err.splitlines() == ["warning: 1 of 2 texts: only their end was read"]
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["row"] for row in rows] == [0, 1]
    assert rows[0]["text"].startswith("the man")


def test_a_model_without_more_places_says_so(command, left: Path) -> None:  # type: ignore[no-untyped-def]
    for seed in range(9):
        options = ("--max-tokens", "500", "--top-p", "1", "--seed", seed, "--json")
        answer = command("generate", left, "man " * 60, *options)
        full = "the model has no place for more" in answer.err
        assert full == (answer.json["stopped"] == "positions")
        if full:
            return
    pytest.fail("no text went on to the last position")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "BEGINNING and --file: expected one of them, got none"),
        (("a", "--file", "b", "-o", "c.jsonl"), "BEGINNING and --file: expected one of them, got both"),
        (("--file", "b"), "--file and --output: expected both or none"),
        (("a", "--resume"), "--resume: expected --file with it"),
        (("a", "--overwrite"), "--overwrite: expected --file with it"),
        (("a", "--text", "words"), "--text: expected --file with it"),
        (("a", "--seed", "0"), "--seed: expected --top-p with it"),
        (("a", "--top-p", "2"), "top_p: expected a number above 0, at most 1, got 2"),
    ],
)
def test_refused(command, left: Path, arguments: tuple[str, ...], message: str) -> None:  # type: ignore[no-untyped-def]
    answer = command("generate", left, *arguments)
    assert answer.code == 2 and message in answer.err


def test_a_bert_says_why_it_cannot(command, pretrained_folder: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("generate", pretrained_folder, "The old man")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert "it has never learned to say what comes next" in answer.err
    assert "is not made to generate or to translate" in answer.err


def test_the_other_commands(command, left: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A left-to-right folder is inspected, gives vectors, and has no blanks to fill."""
    facts = command("inspect", left, "--json").json
    assert facts["heads"] == ["left_to_right"]
    assert facts["config"]["is_decoder"] is True
    file = tmp_path / "texts.txt"
    file.write_text("the sea was dark\nthe sea was short\n")
    assert command("embed", left, file, "-o", tmp_path / "v.npy").code == 0
    assert command("features", left, file, "-o", tmp_path / "f.npy", "--layers", "-1").code == 0
    vectors = np.load(tmp_path / "f.npy").reshape(2, 6, -1)  # [CLS], four words, [SEP]; the last word differs
    np.testing.assert_allclose(vectors[0, :4], vectors[1, :4], atol=1e-5)
    assert np.abs(vectors[0, 4:] - vectors[1, 4:]).max(-1).min() > 1e-2
    answer = command("fill-mask", left, "the [MASK]")
    assert answer.code == 2 and "it does not see what stands behind a blank" in answer.err
    answer = command("convert", left, tmp_path / "again", "--to", "hf", "--json")
    assert answer.code == 0 and answer.json["heads"] == ["left_to_right"]
    assert answer.json["largest_difference"] == 0
    answer = command("convert", left, tmp_path / "graph", "--to", "onnx")
    assert answer.code == 2 and "a bidirectional model for --to onnx" in answer.err
