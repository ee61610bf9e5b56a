"""``bertwright convert``."""

from __future__ import annotations

from pathlib import Path

from shared import shared_path


def test_for_people_and_for_machines(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = shared_path("golden/model/a")
    answer = command("convert", source, tmp_path / "out", "--to", "hf")
    assert answer.code == 0
    assert "TensorFlow 1" in answer.out
    assert "missing (in the source, so in the result): none" in answer.out
    assert "reshaped: " in answer.out and " -> " in answer.out
    assert "largest difference of masked_language: 0" in answer.out
    assert f"within 2e-05: {tmp_path / 'out'}" in answer.out
    found = command("convert", source, tmp_path / "out", "--to", "hf", "--overwrite", "--json").json
    assert found["largest_difference"] == 0
    assert found["missing"] == found["unexpected"] == found["retyped"] == []
    assert set(found["reshaped"][0]) == {"name", "before", "after"}
    assert found["heads"] == ["masked_language", "next_sentence"]


def test_casing_can_be_said(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = shared_path("golden/model/a")
    for name, options in {"lower": ["--lower-case"], "cased": ["--cased"]}.items():
        assert command("convert", source, tmp_path / name, "--to", "hf", *options).code == 0
        settings = command("inspect", tmp_path / name, "--json").json["tokenizer"]["settings"]
        assert settings["do_lower_case"] is (name == "lower")


def test_refusals_are_one_line(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = shared_path("golden/model/a")
    answer = command("convert", source, tmp_path / "out", "--to", "hff")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    answer = command("convert", source, tmp_path / "out")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    answer = command("convert", source, source, "--to", "hf")
    assert (answer.code, "another path" in answer.err) == (2, True)
    answer = command("convert", source, tmp_path / "out", "--to", "hf", "--bound", "-1")
    assert answer.code == 2
    assert list(tmp_path.iterdir()) == []
