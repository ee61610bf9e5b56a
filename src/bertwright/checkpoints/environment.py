"""What a model was made with: versions, threads, kind of processor. No names of machines, people or paths."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import bertwright


def libraries() -> dict[str, str]:
    """Versions of those that a run's numbers come from."""
    return {"torch": str(torch.__version__), "numpy": np.__version__}


def environment() -> dict[str, Any]:
    """As JSON values."""
    found: dict[str, Any] = {
        "bertwright": bertwright.__version__,
        "python": platform.python_version(),
        **libraries(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        found["accelerator"] = torch.cuda.get_device_name()
    return found


@cache
def _processor() -> str:
    """The kind of processor, as the system calls it."""
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()
