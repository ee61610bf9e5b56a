"""``bertwright report`` on a fine-tuned folder, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from bertwright.tasks.evaluation import evaluate


def test_a_fine_tuned_folder(command, pretrained_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    rows = [f"a {word} film\t{label}\n" for word, label in (("good", "yes"), ("bad", "no")) for _ in range(8)]
    file = tmp_path / "rows.tsv"
    file.write_text("text\tlabel\n" + "".join(rows))
    model = tmp_path / "model"
    quick = ["--epochs", "2", "--seeds", "2", "--task", "classify", "--train", file, "--dev", file]
    assert command("finetune", pretrained_folder, *quick, "-o", model).code == 0
    answer = command("report", model, "--json")
    assert answer.code == 0 and answer.json == {"output": str(model / "report.html")}
    page = (model / "report.html").read_text(encoding="utf-8")
    for shown in ("Development accuracy", "Development loss", "seed 0", "seed 1", "rows.tsv (16 rows)"):
        assert shown in page, shown
    assert command("report", model).code == 0  # again
    assert command("inspect", model).code == 0
    assert evaluate(model, file, resamples=5).rows == 16
    assert command("report", model, "-o", file).code == 2
    refused = command("report", model, "--vocab", tmp_path)
    assert (refused.code, "--vocab: expected the folder of a pre-training run" in refused.err) == (2, True)
    again = command("finetune", pretrained_folder, *quick, "-o", model, "--overwrite")
    assert again.code == 0, again.err
    assert not (model / "report.html").exists()


def test_a_damaged_file_of_a_run(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "kind": "train"}\n')
    (tmp_path / "settings.json").write_text("[1]")
    answer = command("report", tmp_path)
    assert answer.code == 2 and "settings.json: expected an object" in answer.err


@pytest.mark.parametrize("name", ["report", "doctor", "inspect"])
@pytest.mark.parametrize("path", ["a" * 300, "loop"])
def test_a_path_that_cannot_be_looked_at(name: str, path: str, command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "loop").symlink_to("loop")
    answer = command(name, tmp_path / path)
    assert answer.code == 2 and answer.err.count("\n") == 1 and "unexpected" not in answer.err, answer
    assert "expected a readable file or folder" in answer.err


def test_refused(command, pretrained_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("report", pretrained_folder)
    assert answer.code == 2 and "no record of its fine-tuning" in answer.err
    assert not (pretrained_folder / "report.html").exists()
    assert command("report", tmp_path / "none").code == 2
