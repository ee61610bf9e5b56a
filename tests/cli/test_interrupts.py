"""A signal that comes during an import waits for its end; a second one does not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

# A module that is signalled while it is imported, as torch is by an impatient user.
MODULE = """
import os, signal, time
for _ in range({times}):
    os.kill(os.getpid(), signal.{name})
time.sleep(0.1)
print("imported", flush=True)
"""

MAIN = """
import bertwright.cli.app as app
def run(arguments):
    import slow_to_import
    import time
    time.sleep(30)
app.run = run
app.main()
"""


@pytest.mark.parametrize(
    ("name", "times", "out"),
    [("SIGINT", 1, "imported\n"), ("SIGTERM", 1, "imported\n"), ("SIGINT", 2, ""), ("SIGTERM", 2, "")],
)
def test_signal_during_an_import(tmp_path: Path, name: str, times: int, out: str) -> None:
    (tmp_path / "slow_to_import.py").write_text(MODULE.format(name=name, times=times))
    done = subprocess.run(
        [sys.executable, "-c", MAIN], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.Signals[name], out, "stopped\n")
