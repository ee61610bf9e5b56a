"""Whether there is memory for a model, asked before any is taken."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

from bertwright.errors import ModelError
from bertwright.model.config import BertConfig

_LAYER_OVERHEAD = 64 << 10
"""Bytes of Python objects a Transformer block costs beside its numbers, measured roughly and rounded up."""


_GROUPS = Path("/sys/fs/cgroup")


def require_memory(config: BertConfig, source: str | Path, *, copies: int = 1) -> None:
    """Refuse a configuration whose float32 parameters do not fit into the memory that is free.

    Args:
        config: the network.
        source: what asks for it, for the message.
        copies: how often the parameters are held: once to use a model, four times to train one (weights,
            gradients, two moments).

    Raises:
        ModelError: naming both amounts.
    """
    needed = 4 * copies * config.num_pretraining_parameters() + _LAYER_OVERHEAD * config.num_hidden_layers
    available = available_bytes()
    if available is not None and needed > available:
        have = f"{available / 2**30:,.1f} GiB are free"
        what = "this network needs" if copies == 1 else "training this network takes"
        raise ModelError(f"{source}: {what} {needed / 2**30:,.1f} GiB of memory, {have}")


def available_bytes() -> int | None:
    """Memory this process may still take, in bytes; None where the system does not say."""
    limits = [limit for limit in (_free(), _container(), _address_space()) if limit is not None]
    return min(limits, default=None)


def _free() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _container(groups: Path = _GROUPS) -> int | None:
    """What the container that this process runs in, if any, may still take: Linux's control groups."""
    for folder, limit, used in (
        (groups, "memory.max", "memory.current"),
        (groups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),  # version 1
    ):
        with suppress(OSError, ValueError):  # another version, none at all, or "max": no limit
            left = int((folder / limit).read_text()) - int((folder / used).read_text())
            return max(0, left + _file_pages(folder / "memory.stat"))
    return None


def _file_pages(statistics: Path) -> int:
    """Bytes of files that were read or written: they count as used, and go where memory is wanted."""
    lines = (line.split() for line in statistics.read_text().splitlines())
    return sum(int(size) for name, size in lines if name in ("active_file", "inactive_file"))


def _address_space() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else max(0, soft - _mapped())


def _mapped() -> int:
    """Bytes of addresses that this process has taken already."""
    with suppress(OSError, ValueError, IndexError):  # Linux alone says so
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 0
