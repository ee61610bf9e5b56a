"""``bertwright compare`` as typed: what it prints and writes, and one line for each mistake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from comparison.small_comparison import told, values, write_files
from page_checker import Checker

from bertwright.cli.compare import _seeds
from bertwright.comparison.settings import ComparisonSettings
from bertwright.errors import SettingsError, UsageError


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A settings file."""
    folder = tmp_path_factory.mktemp("compare")
    write_files(folder / "files")
    groups: dict[str, list[str]] = {}
    for dotted, value in values(folder / "files").items():
        group, _, name = dotted.rpartition(".")
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        groups.setdefault(group, []).append(f"{name} = {shown}")
    text = "\n".join(groups.pop("")) + "\n"
    text += "".join(f"\n[{group}]\n" + "\n".join(lines) + "\n" for group, lines in groups.items())
    (folder / "settings.toml").write_text(text)
    return folder / "settings.toml"


def test_json_page_and_report(command, settings: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    output = tmp_path / "out"
    flags = ["--steps", "3", "--seeds", "1", "--seed", "4", "--set", "finetuning.epochs=1"]
    answer = command("compare", "pretraining", settings, "-o", output, "--only", "no-nsp", *flags, "--json")
    assert answer.code == 0
    record = answer.json
    assert [row["name"] for row in record["rows"]] == ["no-nsp"]
    assert record["rows"][0]["pretraining"]["steps"] == 3
    assert record["seeds"] == [4]
    assert record["report"] == str(output / "report.html")
    checker = Checker()
    page = (output / "report.html").read_text(encoding="utf-8")
    checker.feed(page)
    assert "no next sentence" in checker.text
    assert command("report", output, "-o", tmp_path / "again.html").code == 0
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page
    looked = command("inspect", output, "--json").json
    assert (looked["kind"], looked["rows"], looked["seeds"]) == ("comparison", ["no-nsp"], [4])
    assert command("inspect", output / "model-no-nsp", "--json").json["kind"] == "model"
    again = command("compare", "pretraining", settings, "-o", output)
    assert again.code == 2 and "output exists already" in again.err


def test_a_table_for_people(command, settings: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    quick = ["--steps", "2", "--seeds", "1", "--set", "finetuning.epochs=1", "--quiet"]
    answer = command("compare", "pretraining", settings, "-o", tmp_path / "out", *quick)
    assert answer.code == 0
    for shown in ("What pre-training is worth", "BERT", "no next sentence", "reviews", "report.html"):
        assert shown in answer.out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_several_fine_tunings_are_stopped_and_gone_on_with(  # type: ignore[no-untyped-def]
    number: signal.Signals, command, settings: Path, tmp_path: Path
) -> None:
    """Ctrl-C reaches all processes and SIGTERM the first; either way each fine-tuning saves where it was."""
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    flags = [
        "--only",
        "bert",
        "no-nsp",
        "--steps",
        "2",
        "--set",
        "finetuning.epochs=100",
        "--seeds",
        "1",
        "--json",
    ]
    unbroken = command("compare", "pretraining", settings, "-o", whole, *flags)
    asked = ["compare", "pretraining", str(settings), "-o", str(stopped), *flags, "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bertwright", *asked],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    cells, run = tmp_path / "stopped.partial" / "cells", "*.partial/run-1/attempt-1"
    end = time.monotonic() + 60
    while time.monotonic() < end and len(list(cells.glob(run))) < 2:
        time.sleep(0.01)
    time.sleep(0.3)  # both are among their updates then
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert json.loads(out)["error"]["message"] == "stopped; what is done is kept, go on with --resume"
    saved = [path.name for path in cells.glob(f"{run}/checkpoints/step-*")]
    again = command(*asked, "--resume")
    assert again.code == 0, again.err
    assert told(again.json["rows"]) == told(unbroken.json["rows"])
    assert len(saved) >= 2


@pytest.mark.parametrize(
    ("arguments", "seeds"),
    [
        ((), [0, 1]),  # as the file has them
        (("--seed", "5"), [5, 6]),
        (("--seeds", "3"), [0, 1, 2]),
        (("--seed", "5", "--seeds", "1"), [5]),
    ],
)
def test_seeds_that_are_asked_for(  # type: ignore[no-untyped-def]
    arguments: tuple[str, ...], seeds: list[int], command, settings: Path, tmp_path: Path, monkeypatch
) -> None:
    asked = []

    def compare(kind: str, settings: ComparisonSettings, *_: Any, **__: Any) -> None:
        asked.append(settings)
        raise UsageError("seen")

    monkeypatch.setattr("bertwright.comparison.run.compare", compare)
    flags = ("--epochs", "2.5", *arguments)
    answer = command("compare", "pretraining", settings, "-o", tmp_path / "out", *flags)
    assert answer.err == "error: seen\n"
    assert asked[0].seeds == seeds
    assert (asked[0].pretraining.epochs, asked[0].pretraining.steps) == (2.5, None), "in place of the file's"


def test_seeds_are_counted_with_what_else_is_asked_for(tmp_path: Path) -> None:
    """What the file lacks, or has wrong, --set and the other options may give."""
    file = tmp_path / "settings.toml"
    file.write_text('tokens = "many"\n')
    with pytest.raises(SettingsError, match="tokens"):
        _seeds(file, {}, [], 5, None)
    assert _seeds(file, {}, ["tokens=9", "seeds=[0,1,2,3]"], 5, None) == [5, 6, 7, 8]
    assert _seeds(file, {"tokens": 9}, [], 5, None) == [5, 6, 7]
    assert _seeds(file, {}, [], 5, 2) == [5, 6]
    assert _seeds(file, {}, [], None, None) is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["compare", "sizes"], "pretraining"),
        (["compare", "size", "--only", "huge"], 'only: expected rows among quarter-depth, .* got "huge"'),
        (["compare", "pretraining", "--set", "pretraining.stepz=1"], "did you mean steps"),
        (["compare", "pretraining", "--set", "arms.x.model=nowhere", "--only", "x"], "nowhere"),
        (["compare", "pretraining", "--steps", "1e3"], "expected a whole number"),
        (["compare", "pretraining", "--budget", "soon"], "expected a duration such as 30m"),
        (["compare", "pretraining", "--budget", "9m", "--set", "tokens=9"], "got budget and tokens"),
        (["compare", "pretraining", "--seed", "1", "--set", "seeds=[3]"], "--set seeds: its own option"),
    ],
)
def test_one_line_for_a_mistake(  # type: ignore[no-untyped-def]
    arguments: list[str], expected: str, command, settings: Path, tmp_path: Path
) -> None:
    kind, *flags = arguments[1:]
    answer = command("compare", kind, settings, "-o", tmp_path / "out", *flags)
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1 and answer.err.startswith("error: ")
    import re

    assert re.search(expected, answer.err)
    assert not list(tmp_path.iterdir())


def test_settings_that_are_missing(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("compare", "pretraining", "-o", tmp_path / "out", "--budget", "5m", "--seeds", "2")
    assert answer.code == 2
    assert answer.err == (
        "error: FILE: expected a file of settings in TOML, got none (docs/comparisons.md shows one)\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_mistake_in_the_file_names_the_file(command, settings: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(settings.read_text().replace("batch_size = 4", "batch_size = 0"))
    answer = command("compare", "pretraining", wrong, "-o", tmp_path / "out")
    assert answer.code == 2
    assert f"{wrong}: pretraining.batch_size: expected" in answer.err
    assert command("config", "check", "--recipe", "compare", settings).code == 0
    assert command("config", "check", "--recipe", "compare", wrong).code == 2
