"""The examples of ``docs/exchange.md`` show what the commands really print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from page_folders import FOLDERS

from bertwright.cli.app import run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "exchange.md"


def examples() -> list[tuple[list[str], str]]:
    """Command and output of each example about one of :data:`FOLDERS`."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    commands = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    found = []
    for command in commands:
        line, _, output = command.partition("\n")
        words = shlex.split(line)
        if FOLDERS.keys() & set(words):
            found.append((words, output))
    return found


def test_every_folder_has_its_example() -> None:
    assert {name for words, _ in examples() for name in words if name in FOLDERS} == set(FOLDERS)


@pytest.mark.parametrize("number", range(len(FOLDERS)))
def test_examples(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, expected = examples()[number]
    monkeypatch.chdir(tmp_path)
    for name in FOLDERS.keys() & set(words):
        FOLDERS[name](tmp_path / name)
    assert words[0] == "bertwright"
    capsys.readouterr()
    code = run(words[1:])
    captured = capsys.readouterr()
    assert captured.err + captured.out == expected
    assert code == (2 if expected.startswith("error") else 0)
