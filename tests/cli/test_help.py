"""Every command's ``--help``, each in a fresh interpreter: it works, and nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bertwright.cli.app import COMMANDS

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
