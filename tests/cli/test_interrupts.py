"""A signal that comes during an import waits for its end; a second one does not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bertwright.cli import interrupts
from bertwright.errors import Interrupted

# A module that is signalled while it is imported, as torch is by an impatient user.
MODULE = """
import os, signal, time
for _ in range({times}):
    os.kill(os.getpid(), signal.{name})
time.sleep(0.1)
print("imported", flush=True)
"""

# The first alarm, which looks whether the import is over, is lost.
WITHOUT_ALARM = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
os.kill(os.getpid(), signal.SIGINT)
signal.sigwait({signal.SIGALRM})
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
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
    done = imported(tmp_path, MODULE.format(name=name, times=times))
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.Signals[name], out, "stopped\n")


def test_an_alarm_that_comes_to_nothing(tmp_path: Path) -> None:
    """As one does that comes right before a system call."""
    done = imported(tmp_path, WITHOUT_ALARM)
    assert (done.returncode, done.stderr) == (130, "stopped\n")


def test_one_signal_is_not_followed_by_the_one_that_waited() -> None:
    """It would be raised while the other is dealt with."""
    interrupts._pending.append(signal.SIGINT)
    with pytest.raises(Interrupted):
        interrupts._received(signal.SIGTERM, None)
    assert interrupts._pending == []
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def imported(folder: Path, module: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a process that imports it, and then waits."""
    (folder / "slow_to_import.py").write_text(module)
    command = [sys.executable, "-c", MAIN]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
