"""Every command's ``--help``, each in a fresh interpreter: it works, and nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bertwright.cli.app import COMMANDS, run

HEAVY = ("torch", "numpy", "pyarrow", "numba", "tokenizers", "sklearn", "scipy", "matplotlib", "safetensors")

ASK = f"""
import sys
from bertwright.cli.app import main
try:
    main()
finally:
    print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""

PAGES = ["", *COMMANDS, "config show", "config check", "config schema"]


def test_sweep_is_complete() -> None:
    assert len(COMMANDS) == 22
    assert len(PAGES) == 26


@pytest.mark.parametrize("page", PAGES)
def test_help(page: str) -> None:
    """No timed assertion: what takes long is an import, and imports are what is checked."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, *page.split(), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.split() == []
    assert done.stdout.startswith(f"Usage: bertwright {page}".rstrip())
    if page not in ("", "config"):
        assert "--json" in done.stdout and "--quiet" in done.stdout
    about = done.stdout.split("╭", 1)[0].splitlines()[2:]  # words before the list of options
    assert sum(len(line.split()) for line in about) >= 4


def shown(page: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The help page in one line without frames."""
    monkeypatch.setenv("COLUMNS", "400")
    assert run([*page.split(), "--help"]) == 0
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("doctor", "instances. [default: 0]"),
        ("finetune", "The first of them. [default: 0]"),
        ("pretrain", "By default 12345; everything random is a function of it."),
    ],
)
def test_defaults_are_shown(
    page: str, says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also 0; a switch that is off is no news."""
    page_text = shown(page, capsys, monkeypatch)
    assert says in page_text
    assert "[default: False]" not in page_text
