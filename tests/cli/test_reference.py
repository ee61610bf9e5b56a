"""``docs/cli.md`` speaks of the commands that there are, and ``docs/using.md`` of options that there are."""

from __future__ import annotations

import re
from pathlib import Path

from bertwright.cli.app import COMMANDS, build

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_command_is_in_the_reference() -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    table = text.split("## What every command has")[0]
    named = re.findall(r"^\| `([a-z-]+)", table, re.MULTILINE)
    assert named == list(COMMANDS)


def test_every_option_that_the_pages_name_exists() -> None:
    app = build()
    valid = {"--json", "--quiet", "--help"}
    for name in COMMANDS:
        for command in [app[name]] if name != "config" else [app[name][sub] for sub in ("show", "check")]:
            for argument in command.assemble_argument_collection():
                valid.update(argument.names)
    count = 0
    for page in ("cli.md", "using.md"):
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", (DOCS / page).read_text(encoding="utf-8")):
            assert option in valid, f"{page}: {option}"
            count += 1
    assert count >= 20
