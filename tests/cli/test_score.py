"""``bertwright score``: files in, files out, what is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_models import save_left_to_right

from bertwright.inference.model import load

TEXTS = ["the sea was dark", "", "a good story ."]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n")
    return path


def test_json(command, pretrained_folder: Path, file: Path) -> None:  # type: ignore[no-untyped-def]
    output = file.with_name("scores.jsonl")
    answer = command("score", pretrained_folder, file, "-o", output, "--json")
    assert answer.code == 0
    scores = load(pretrained_folder).score(TEXTS)
    found = answer.json
    assert (found["rows"], found["tokens"], found["empty"]) == (3, 8, 1)
    assert found["kind"] == "pseudo-log-likelihood"
    assert found["log_probability"] == pytest.approx(sum(s.log_probability for s in scores), abs=1e-3)
    assert set(found) == {
        "rows", "tokens", "kind", "log_probability", "perplexity", "empty", "seconds", "output"
    }  # fmt: skip
    assert answer.err.splitlines() == ["warning: 1 of 3 texts have no token"]
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [set(row) for row in rows] == [{"row", "tokens", "log_probability", "perplexity"}] * 3
    assert rows[1] == {"row": 1, "tokens": 0, "log_probability": 0.0, "perplexity": None}


def test_left_to_right_by_token(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model, table = save_left_to_right(tmp_path / "model"), tmp_path / "rows.tsv"
    table.write_text("id\twords\n" + "".join(f"{n}\t{text}\n" for n, text in enumerate(["dark", "a man"])))
    output = tmp_path / "scores.jsonl"
    answer = command("score", model, table, "--text", "words", "-o", output, "--per-token")
    assert answer.code == 0
    assert answer.out.startswith("perplexity ") and " over 3 tokens of 2 texts in " in answer.out
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["pieces"] for row in rows] == [["dark"], ["a", "man"]]
    assert [len(row["log_probabilities"]) for row in rows] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("{classifier}", "{file}", "-o", "{folder}/o.jsonl"),
            "expected a model with a masked language head",
        ),
        (("{model}", "{file}", "-o", "{folder}/o.npy"), "o.npy: expected a name ending in .jsonl"),
        (("{model}", "{folder}/absent", "-o", "{folder}/o.jsonl"), "absent: expected"),
        (("{model}", "{file}", "-o", "{file}"), "expected a name ending in .jsonl"),
    ],
)
def test_refused(  # type: ignore[no-untyped-def]
    arguments: tuple[str, ...],
    message: str,
    command,
    pretrained_folder: Path,
    classifier_folder: Path,
    file: Path,
) -> None:
    places = {
        "model": pretrained_folder,
        "classifier": classifier_folder,
        "file": file,
        "folder": file.parent,
    }
    answer = command("score", *(argument.format(**places) for argument in arguments))
    assert answer.code == 2 and message in answer.err
    assert sorted(path.name for path in file.parent.iterdir()) == ["texts.txt"]
