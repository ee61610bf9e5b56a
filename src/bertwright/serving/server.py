"""The server from its models to its end."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from bertwright.errors import RunError, UsageError, quote
from bertwright.inference.model import Model
from bertwright.progress import Progress, Silent
from bertwright.serving.app import application
from bertwright.serving.connection import bounded
from bertwright.serving.figures import Figures
from bertwright.serving.gate import Access, has_port
from bertwright.serving.limits import Limits
from bertwright.serving.served import Served

LEAST_KEY = 16
"""Characters of a key."""
_NAME = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


@dataclass(frozen=True)
class Place:
    """Where a server listens, and who may ask."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 is any that is free."""
    allowed_hosts: tuple[str, ...] = ()
    """Names besides those of this machine itself, as clients write them."""
    key: str | None = None

    def require_safe(self) -> None:
        """Refuse to be reached from elsewhere by mistake.

        Raises:
            UsageError: an address of the network without a key or the names to be called by; a weak key.
        """
        if not 0 <= self.port <= 65_535:
            raise UsageError(f"--port: expected a number from 0 to 65535, got {self.port}")
        if self.key is not None and (len(self.key) < LEAST_KEY or not _is_key(self.key)):
            raise UsageError(f"API key: expected at least {LEAST_KEY} letters, digits and signs of ASCII")
        for name in self.allowed_hosts:
            if not _NAME.fullmatch(name):
                raise UsageError(f"--allow-host: expected a name, perhaps with :PORT, got {quote(name)}")
        if not _is_local(self.host) and (self.key is None or not self.allowed_hosts):
            raise UsageError(
                f"--host {self.host}: expected --api-key-file and --allow-host with an address that others "
                "can reach (127.0.0.1 is this machine alone)"
            )

    def bound(self) -> socket.socket:
        """A socket there, at which nobody listens yet.

        Raises:
            UsageError: it is taken, or no address of this machine.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # asyncio sends at once (TCP_NODELAY) only where the protocol is named; else what follows an answer's
        # head waits 40 ms for the client's delayed acknowledgement.
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((self.host, self.port))
            return found  # clients are refused until the models answer
        except (OSError, UnicodeError) as problem:
            found.close()
            said = getattr(problem, "strerror", None) or str(problem)
            raise UsageError(
                f"{quote(self.host)}, port {self.port}: expected an address to listen at, got: {said} "
                "(--port 0 takes any that is free)"
            ) from None


class ModelServer:
    """Models at a place. They are tried when this is made; :meth:`run` answers.

    Args:
        models: by the names under which they are asked for.

    Raises:
        UsageError: the place is unsafe or taken.
        InputError: a model has nothing to answer.
        NonFiniteError: its weights give no finite numbers.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        place: Place | None = None,
        *,
        limits: Limits | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._place, limits, progress = place or Place(), limits or Limits(), progress or Silent()
        self._place.require_safe()
        self._listener = self._place.bound()
        figures = Figures()
        self.served: dict[str, Served] = {}
        try:
            for name, model in models.items():
                progress.say(f"{name}: trying what it can answer")
                self.served[name] = Served(name, model, limits, figures.answered)
        except BaseException:
            self._listener.close()
            raise
        figures.watch(self.served)
        access = Access.of(self.port, self._place.allowed_hosts, self._place.key)
        app = application(self.served, access, limits, figures)
        self._server = _Server(_config(app, limits), list(self.served.values()), limits)

    @property
    def port(self) -> int:
        """Where it listens, also where any port was asked for."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Its address, by a name that it goes by."""
        host = self._place.host
        if not _is_local(host):
            host = self._place.allowed_hosts[0]
            return f"http://{host}" if has_port(host) else f"http://{host}:{self.port}"
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def run(self, listening: Callable[[], None] | None = None) -> None:
        """Answer until SIGINT, SIGTERM or :meth:`stop`; what was accepted by then is still answered.

        Args:
            listening: called when questions are taken.

        Raises:
            RunError: a model has stopped answering.
        """
        if listening is not None:
            self._server.listening = listening
        with self._listener:
            self._server.run(sockets=[self._listener])
        if self._server.failure is not None:
            raise RunError(self._server.failure)

    @property
    def hangs(self) -> bool:
        """Whether a model still computes after :meth:`run`: its threads may never end."""
        return any(one.answerer.silent_seconds > 0 for one in self.served.values())

    def stop(self) -> None:
        """End, from any thread; :meth:`run` returns when all is answered."""
        self._server.should_exit = True


def _config(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it would log what clients sent
    return uvicorn.Config(
        app,
        http=bounded(limits),
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=ceil(limits.idle_seconds),
        timeout_graceful_shutdown=ceil(limits.drain_seconds),
        h11_max_incomplete_event_size=limits.head_bytes,
    )


class _Server(uvicorn.Server):
    """Watches its models, and ends without an error when it is told to."""

    def __init__(self, config: uvicorn.Config, served: Sequence[Served], limits: Limits) -> None:
        super().__init__(config)
        self._served, self._limits = served, limits
        self.failure: str | None = None
        self.listening: Callable[[], None] = lambda: None
        self._probes: set[asyncio.Task[None]] = set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As the base class, whose signals come back after the end; here to have ended is all they wanted."""
        before = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before[number] = signal.signal(number, self.handle_exit)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        for one in self._served:
            one.answerer.start()
        await super().startup(sockets)
        self.listening()

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._watch()
        return self.failure is not None or await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for one in self._served:
            one.room.close()
        await super().shutdown(sockets)

    def _watch(self) -> None:
        for one in self._served:
            answerer = one.answerer
            if answerer.silent_seconds > self._limits.hopeless_seconds:
                self.failure = f"{one.name}: no sign of life for {answerer.silent_seconds:.0f} s"
            elif not answerer.alive:
                answerer.start()
            elif one.rested:
                probe = asyncio.create_task(one.probe())
                self._probes.add(probe)
                probe.add_done_callback(self._probes.discard)


def read_key(path: Path) -> str:
    """The key in a file: its only word.

    Raises:
        UsageError: it cannot be read, or has another number of words.
    """
    try:
        words = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeError) as problem:
        raise UsageError.at(path, "a file with a key", getattr(problem, "strerror", None)) from None
    if len(words) != 1:
        raise UsageError.at(path, "one key", f"{len(words)} words")
    return words[0]


def _is_key(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
