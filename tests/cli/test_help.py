"""Every command's ``--help``, each in a fresh interpreter: it works, and nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bertwright.cli.app import COMMANDS, USAGE, run

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


@pytest.mark.parametrize(
    ("page", "ends"),
    [
        *((name, line) for name, line in USAGE.items()),
        ("config show", "[OPTIONS] [FILE]"),
        ("config check", "[OPTIONS] FILES..."),
    ],
)
def test_usage_names_what_may_be_left_out_or_repeated(
    page: str, ends: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*page.split(), "--help"]) == 0
    usage = capsys.readouterr().out.splitlines()[0]
    assert usage == f"Usage: bertwright {page} {ends}"


@pytest.mark.parametrize("name", COMMANDS)
def test_usage_has_no_argument_without_a_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "ARGS" not in capsys.readouterr().out


@pytest.mark.parametrize("page", ["next-sentence", "tokenize", "config check", "config schema"])
def test_examples_stand_apart(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*page.split(), "--help"]) == 0
    assert f"\n bertwright {page} " in capsys.readouterr().out


@pytest.mark.parametrize("page", ["finetune", "evaluate", "predict"])
def test_formats_are_named_alike(
    page: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "of answer also squad, of tag also conll and (predict) text;" in shown(page, capsys, monkeypatch)


@pytest.mark.parametrize(
    ("page", "list_of_settings"),
    [
        ("pretrain", "(bertwright config show lists them)"),
        ("finetune", "(bertwright config show --recipe finetune lists them)"),
        ("compare", "(bertwright config show --recipe compare lists them)"),
    ],
)
def test_where_other_settings_are_listed(
    page: str,
    list_of_settings: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert f"Any other setting as NAME=VALUE {list_of_settings}" in shown(page, capsys, monkeypatch)
