"""The pages speak of commands and options that there are, and every line that they show can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import cyclopts
import pytest

from bertwright.cli.app import COMMANDS, build

ROOT = Path(__file__).resolve().parents[2]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
PAGES = [*READMES, *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.toml"))
SOURCES = sorted((ROOT / "src" / "bertwright" / "cli").glob("*.py"))
"""Whose docstrings end with examples."""

TYPED = re.compile(r"^[#$\s]*(?:torchrun .* -m )?bertwright (?=[a-z])(.*)$", re.MULTILINE)
ENDS = {"|", ">", "<", "&&", ";"}
"""Where the shell goes on, with another program or file."""
OF_CONFIG = ("show", "check", "schema")
OF_OTHERS = {
    *("--standalone", "--nproc-per-node", "--max-restarts"),  # torchrun
    *("--head", "--index-url", "--local-dir"),  # ray, pip, hf
    "--processor",  # the benchmarks
}
"""Options of other programs that the pages name (those of the original have underscores, and ours none)."""


def typed(text: str) -> Iterator[list[str]]:
    """The arguments of every command line in ``text``."""
    for line in TYPED.findall(text.replace("\\\n", " ")):
        words = shlex.split(line, comments=True)
        end = next((number for number, word in enumerate(words) if word in ENDS), len(words))
        yield words[:end]


def lines() -> list[tuple[str, list[str]]]:
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        found += [(page.name, words) for block in blocks for words in typed(block)]
    for file in [*RECIPES, *SOURCES]:
        found += [(file.name, words) for words in typed(file.read_text(encoding="utf-8"))]
    return found


def options() -> set[str]:
    """Of all commands."""
    app = build()
    valid = {"--help", "--version"}
    for name in COMMANDS:
        for command in [app[name]] if name != "config" else [app[name][sub] for sub in OF_CONFIG]:
            for argument in command.assemble_argument_collection():
                valid.update(argument.names)
    return valid


def test_every_line_can_be_typed() -> None:
    app, wrong = build(), []
    found = lines()
    for page, words in found:
        try:
            app.parse_args(words, exit_on_error=False, print_error=False)
        except cyclopts.CycloptsError as problem:
            wrong.append(f"{page}: bertwright {' '.join(words)}: {type(problem).__name__}")
    assert wrong == []
    assert len(found) > 90, f"the sweep found only {len(found)} lines"
    assert {words[0] for _, words in found} == set(COMMANDS)


def test_a_line_that_cannot_be_typed_is_found() -> None:
    (words,) = typed("$ bertwright embed MODEL texts.txt --outptu vectors.npy | head  # a slip\n")
    assert words == ["embed", "MODEL", "texts.txt", "--outptu", "vectors.npy"]
    with pytest.raises(cyclopts.CycloptsError):
        build().parse_args(words, exit_on_error=False, print_error=False)


def test_every_option_that_the_pages_name_exists() -> None:
    valid, count = options() | OF_OTHERS, 0
    for page in PAGES:
        if page.name == "log.md":  # what was tried: options of programs that are no more
            continue
        for line in page.read_text(encoding="utf-8").splitlines():
            if "-m benchmarks" in line:
                continue
            for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+(?!\w)", line):
                assert option in valid, f"{page.name}: {option}"
                count += 1
    assert count > 100, f"the sweep found only {count} options"


def test_every_command_that_a_sentence_names_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"`bertwright ([a-z-]+)", page.read_text(encoding="utf-8")):
            assert name in COMMANDS, f"{page.name}: {name}"


def test_every_command_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    table = text.split("## What every command has")[0]
    named = re.findall(r"^\| `([a-z-]+)", table, re.MULTILINE)
    assert named == list(COMMANDS)


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_every_command_is_in_the_table_of_the_readme(page: Path) -> None:
    rows = re.findall(r"^\| (\[`[^|]+?) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([a-z-]+)`", row)]
    assert sorted(named) == sorted(COMMANDS)
