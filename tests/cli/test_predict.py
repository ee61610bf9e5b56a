"""``bertwright predict``: answers a line, unusable rows told and set apart."""

from __future__ import annotations

import json
from pathlib import Path

from small_models import LABELS


def test_json(command, classifier_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file, output = tmp_path / "rows.tsv", tmp_path / "answers.jsonl"
    file.write_text("id\ttext\n1\tthe sea\n2\t\n3\tgood\n")
    answer = command("predict", classifier_folder, file, "-o", output, "--precision", "bf16", "--json")
    assert answer.code == 0
    assert answer.json["precision"] == "bf16"
    errors = tmp_path / "answers.errors.jsonl"
    found = {name: value for name, value in answer.json.items() if name not in ("seconds", "precision")}
    assert found == {"rows": 3, "failed": 1, "truncated": 0, "output": str(output), "errors": str(errors)}
    assert answer.err == f"warning: 1 of 3 rows are unusable, the first at line 3: see {errors}\n"
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["row"] for row in rows] == [0, 2]
    for row in rows:
        assert set(row) == {"row", "label", "probabilities", "truncated"}
        assert row["label"] == max(LABELS, key=lambda label: row["probabilities"][label])
    assert json.loads(errors.read_text())["row"] == 1


def test_file_without_header(command, classifier_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "rows.tsv"
    file.write_text("1\tthe sea\n2\tgood\n")
    by_number, by_name = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    assert command("predict", classifier_folder, file, "-o", by_number, "--text", "2").code == 0
    options = ("--columns", "id,review", "--text", "review")
    assert command("predict", classifier_folder, file, "-o", by_name, *options).code == 0
    assert by_number.read_bytes() == by_name.read_bytes()


def test_model_that_was_not_fine_tuned(command, pretrained_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "rows.tsv"
    file.write_text("text\nthe sea\n")
    answer = command("predict", pretrained_folder, file, "-o", tmp_path / "answers.jsonl", "--json")
    assert answer.code == 2
    assert answer.json["error"]["type"] == "ModelError"
    assert "expected a fine-tuned model" in answer.json["error"]["message"]
