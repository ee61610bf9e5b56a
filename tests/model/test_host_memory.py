"""The C library takes the advice (in a process of its own, which it then changes)."""

from __future__ import annotations

import subprocess
import sys


def test_it_is_accepted_and_harmless() -> None:
    program = (
        "from bertwright.model.host_memory import keep_freed_memory as keep\n"
        "first = keep(); import torch\n"
        "for _ in range(3): assert float(torch.ones(20_000_000).sum()) == 2e7\n"
        "raise SystemExit(0 if first in (True, False) and keep() is first else 1)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
