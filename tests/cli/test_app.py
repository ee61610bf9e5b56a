"""What becomes of errors, signals and closed pipes: one line and the right exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def test_own_mistakes_are_one_line(command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops\nand more")

    monkeypatch.setattr("bertwright.inference.inspection.inspect_path", broken)
    with pytest.raises(ZeroDivisionError):
        command("inspect", tmp_path)
    monkeypatch.delenv("BERTWRIGHT_TRACEBACK")
    answer = command("inspect", tmp_path)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(
        "error: unexpected ZeroDivisionError: oops and more (a mistake in bertwright"
    )
    answer = command("inspect", tmp_path, "--json")
    assert (answer.code, answer.err) == (1, "")
    assert answer.json["error"]["type"] == "RunError"


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:116] DefaultCPUAllocator: can't allocate memory: you tried ..."
        ),
        RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"),
    ],
)
def test_out_of_memory(command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, problem: Exception) -> None:  # type: ignore[no-untyped-def]
    def broken(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.delenv("BERTWRIGHT_TRACEBACK")
    monkeypatch.setattr("bertwright.inference.inspection.inspect_path", broken)
    answer = command("inspect", tmp_path)
    assert answer.code == 1
    assert answer.err.startswith("error: out of memory: ")
    assert answer.err.count("\n") == 1


def process(*arguments: str | bytes, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bertwright", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,  # type: ignore[call-overload]
    )


def test_path_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A43: accepted as a path, and shown escaped."""
    name = os.fsencode(tmp_path) + b"/caf\xe9"
    done = process("inspect", name, "--json")
    assert (done.returncode, done.stderr) == (2, "")
    assert r"caf\udce9: expected a vocabulary" in json.loads(done.stdout)["error"]["message"]


def test_home_unset_and_no_terminal(tmp_path: Path) -> None:
    """A61, A63: no control characters, no need for a home."""
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "TERM")}
    done = process("--help", env=environment)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "fill-mask" in done.stdout


def test_reader_that_leaves() -> None:
    """`bertwright ... | head`: no traceback."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "bertwright", "--help"],
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


SLOW = """
import sys, time
import bertwright.cli.app as app
def run(arguments):
    print("ready", flush=True)
    time.sleep(60)
app.run = run
app.main()
"""


STOPPED = {"error": {"type": "Interrupted", "message": "stopped"}}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("flag", ["--quiet", "--json"])
def test_signal_while_running(number: signal.Signals, code: int, flag: str) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", SLOW, flag], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    told = (json.dumps(STOPPED) + "\n", "") if flag == "--json" else ("", "stopped\n")
    assert (running.returncode, out, err) == (code, *told)


def test_ctrl_c_within_a_command(command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bertwright.inference.inspection.inspect_path", pressed)
    answer = command("inspect", tmp_path)
    assert (answer.code, answer.out, answer.err) == (130, "", "stopped\n")
    answer = command("inspect", tmp_path, "--json")
    assert (answer.code, answer.json, answer.err) == (130, STOPPED, "")


def test_what_every_command_has_may_stand_before_it(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("--quiet", "--json", "inspect", tmp_path / "absent")
    assert (answer.code, answer.err) == (2, "")
    assert "absent: expected" in answer.json["error"]["message"]
    assert command("--json", "config", "show").json["recipe"] == "pretrain"
    assert command("--quiet", "--help").out.startswith("Usage: bertwright COMMAND")
    for nothing in (("--quiet",), ("--quiet", "--quiet")):
        answer = command(*nothing)
        assert answer.code == 2 and "expected a command, got none" in answer.err
    answer = command("--json", "inspect", tmp_path, "--json")
    assert "--json: given more than once" in answer.json["error"]["message"]
    answer = command("--json", "inspct")
    assert "did you mean inspect?" in answer.json["error"]["message"]


@pytest.mark.slow
@pytest.mark.parametrize("moment", [n / 10 for n in range(2, 42)])
def test_ctrl_c_at_any_moment(pretrained_folder: Path, moment: float) -> None:
    """Also while torch is being imported. The interpreter's own start is not ours to protect."""
    running = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, bertwright.cli.app as a; os.write(1, b'.'); a.main()",
            "fill-mask",
            str(pretrained_folder),
            "the [MASK]",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stdout.read(1) == b"."
    time.sleep(moment)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert (running.returncode, err) in [(130, b"stopped\n"), (0, b"")]
