"""`make`: what is installed for what, and where a demo of one's own text goes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAKE = shutil.which("make")

pytestmark = pytest.mark.skipif(MAKE is None, reason="needs make")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a folder that has the Makefile and what it depends on, and nothing else."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, folder / name)
    assert MAKE is not None
    plain = {"PATH": os.environ["PATH"]}  # without what a `make` that runs these tests hands down
    return subprocess.run([MAKE, *arguments], cwd=folder, env=plain, capture_output=True, text=True)


def planned(folder: Path, *arguments: str) -> list[str]:
    """The commands that it would run."""
    done = make(folder, "--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    return [line.rstrip() for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], "demo --output 'demo-output'"),
        (["ARGS=--overwrite"], "demo --output 'demo-output'  --overwrite"),
        (["CORPUS=my-text.txt"], "demo --output 'my-text-demo' --corpus 'my-text.txt'"),
        (["CORPUS=my-texts/"], "demo --output 'my-texts-demo' --corpus 'my-texts/'"),
        (["CORPUS=all of/my text.txt"], "demo --output 'my text-demo' --corpus 'all of/my text.txt'"),
        (["CORPUS=my-text.txt", "OUT=there"], "demo --output 'there' --corpus 'my-text.txt'"),
    ],
)
def test_a_demo_of_another_text_goes_to_another_folder(
    arguments: list[str], command: str, tmp_path: Path
) -> None:
    assert planned(tmp_path, "demo", *arguments)[-1] == f".venv/bin/bertwright {command}"


def test_the_demo_installs_no_tools(tmp_path: Path) -> None:
    tools = ".venv/bin/pip install --quiet --editable '.[dev]'"
    plain = ".venv/bin/pip install --quiet --editable ."
    assert plain in planned(tmp_path, "demo")
    assert tools not in planned(tmp_path, "demo")
    for target in ("test", "test-slow", "check", "bench"):
        commands = planned(tmp_path, target)
        assert commands.index(plain) < commands.index(tools)


def test_an_old_python_is_refused_before_anything_is_installed(tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    old.write_text(
        "#!/bin/sh\n"
        'if [ "$1" != -c ]; then echo "was asked to $*"; exit 9; fi\n'
        f"exec '{sys.executable}' -c \"import sys; sys.version_info = (3, 10, 9); $2\"\n"
    )
    old.chmod(0o755)
    done = make(tmp_path, "demo", f"PYTHON={old}")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer: make PYTHON=" in done.stderr
    assert "was asked to" not in done.stdout + done.stderr
    assert not (tmp_path / ".venv").exists()
