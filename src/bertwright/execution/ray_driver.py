"""This process as the driver of a Ray cluster: found or started, and silent about its inner life."""

from __future__ import annotations

import importlib
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bertwright.errors import UsageError, quote
from bertwright.extras import needed

ADDRESS_VARIABLE = "RAY_ADDRESS"

_CONCRETE = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:]+)\]|(?P<host>[^\s:/]+)):(?P<port>\d{1,5})")
_CONNECT_SECONDS = 5.0
_QUIET = {
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # of the native part; what fails is raised as well
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class Driver:
    """The connection of this process to a cluster.

    Args:
        address: see :class:`bertwright.execution.ray_cluster.RayCluster`.

    Attributes:
        ray: the module, once connected.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._ours = False
        self.ray: Any = None

    def connect(self) -> None:
        """Join the cluster, or start one; a script that is a driver already stays in its own.

        Raises:
            UsageError: Ray is not installed, or there is no such cluster.
        """
        with _quiet():
            self.ray = imported()
            if self.ray.is_initialized():
                return
            address = _checked(self._asked())
            with _signals_kept(), _native_stderr_dropped():
                self._join(address)
        self._ours = True

    def _asked(self) -> str | None:
        """As Ray has it: the variable speaks where the request names no cluster."""
        if self._address in (None, "", "auto"):
            return os.environ.get(ADDRESS_VARIABLE) or self._address or None
        return self._address

    def _join(self, address: str | None) -> None:
        try:
            self.ray.init(
                address=address,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
        except (ConnectionError, ValueError, RuntimeError) as problem:
            reason = " ".join(str(problem).split()).partition(". ")[0]
            where = f"at {address}" if address else "on this machine"
            raise _no_cluster(where, reason) from None

    def leave(self) -> None:
        """Leave the cluster; one that :meth:`connect` started ends."""
        if self._ours:
            self._ours = False
            with _signals_kept():
                self.ray.shutdown()


def imported() -> Any:
    """The package ``ray``.

    Raises:
        UsageError: it is not installed.
    """
    with needed("ray", extra="ray", purpose="engine"):
        ray = importlib.import_module("ray")
    # Ray prints the end of a lost machine's log, to the standard output: this is its own switch for that.
    importlib.import_module("ray._private.worker")._worker_logs_enabled = False  # type: ignore[attr-defined]
    return ray


def _checked(address: str | None) -> str | None:
    """The address to join, after a look at whether anybody listens: Ray itself tries for many minutes.

    Raises:
        UsageError: nobody listens there, or it is no address of a cluster.
    """
    if address == "local":
        return address
    if address is None or address == "auto":
        last = _last_cluster()
        if last is None or _silence(last) is None:
            return address
        if address is None:
            return "local"
        raise _no_cluster("on this machine", f"the last one, at {last}, is gone")
    silence = _silence(address)
    if silence is not None:
        raise _no_cluster(f"at {address}", silence)
    return address


def _no_cluster(where: str, reason: str) -> UsageError:
    hint = "ray start --head starts one; --ray-address local starts one for this command"
    return UsageError(f"Ray: expected a cluster {where}, got none: {reason} ({hint})")


def _last_cluster() -> str | None:
    """Where Ray keeps the address of the cluster that was started last on this machine."""
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    try:
        return (Path(folder) / "ray" / "ray_current_cluster").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _silence(address: str) -> str | None:
    """Why nobody answers at ``address``; None when somebody does."""
    parts = _CONCRETE.fullmatch(address)
    if parts is None:
        hint = "a ray:// address needs no files in common, and the work here does"
        more = f" ({hint}: start the command on a machine of the cluster)" if "://" in address else ""
        raise UsageError(f"Ray: expected HOST:PORT, auto or local as an address, got {quote(address)}{more}")
    host, port = parts["v6"] or parts["host"], int(parts["port"])
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as problem:
        return getattr(problem, "strerror", None) or str(problem)
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """The environment that Ray reads when it begins, without the remarks for its developers."""
    added = {name: value for name, value in _QUIET.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _native_stderr_dropped() -> Iterator[None]:
    """Without what native code writes past Python: that it heeds the environment, on every start."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Whatever Ray does with signals, they are handled as before behind it."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
