"""Who may ask, and how much: the checks that come before a request is looked at.

An ASGI application around the other one. Every check holds for every address, the page and ``/health`` too,
but for the key, without which a page could not ask for it and a supervisor could not look.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bertwright.serving.limits import Limits
from bertwright.serving.refusals import LATER, Refusal

OPEN = frozenset({"/", "/page.js", "/page.css", "/icon.svg", "/health/live", "/health/ready"})
"""What is answered without a key."""
_CHANGING = frozenset({"POST"})
_VERSIONS = ("1.0", "1.1")
_KNOWN = frozenset({"GET", "HEAD", "POST"})
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every answer."""
_SECURED = [(name.lower().encode(), value.encode()) for name, value in SECURITY.items()]


@dataclass(frozen=True)
class Access:
    """Under which names the server may be asked, and with which key."""

    hosts: frozenset[str]
    """As in ``Host``, in lower case: ``localhost:8000``."""
    key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, port: int, names: Iterable[str], key: str | None) -> Access:
        """For a server at ``port`` that may also be called by ``names``, with a port of their own or without.

        Those of this machine itself are always among them.
        """
        local = [f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]")]
        local += ["localhost", "127.0.0.1", "[::1]"] if port == 80 else []
        given = [name.lower() for name in names]
        with_port = [f"{name}:{port}" for name in given if not has_port(name)]
        return cls(frozenset([*local, *given, *with_port]), key)

    def admits(self, authorization: str | None) -> bool:
        """Whether a request with this ``Authorization`` has the key; compared in constant time."""
        if self.key is None:
            return True
        scheme, _, given = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self.key.encode())


class Gate:
    """Lets through what may be asked, with its whole body read."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits, refused: Callable[[int], None]) -> None:
        self._app, self._access, self._limits, self._refused = app, access, limits, refused
        self._held = 0  # bytes of bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "the server speaks nothing else"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_SECURED]
            await send(message)

        try:
            headers = Headers(scope=scope)
            self._check(scope, headers)
            body = await self._body(scope, headers, receive)
        except Refusal as refusal:
            self._refused(refusal.status)
            # What follows on the connection may be the rest of what was refused.
            refusal.headers["Connection"] = "close"
            await refusal.response(scope, receive, guarded)
            return
        self._held += len(body)
        try:
            await self._app(scope, _replay(body, receive), guarded)
        finally:
            self._held -= len(body)

    def _check(self, scope: Scope, headers: Headers) -> None:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) for name, value in headers.raw)
        if size > self._limits.head_bytes or len(headers.raw) > self._limits.headers:
            raise Refusal(431, "BadRequest", "expected smaller headers")
        if scope["http_version"] not in _VERSIONS:
            raise Refusal(400, "BadRequest", "expected HTTP/1.1")
        if not scope["raw_path"].startswith(b"/"):
            raise Refusal(400, "BadRequest", "expected an address that begins with /")
        if scope["method"] not in _KNOWN:
            allow = {"Allow": ", ".join(sorted(_KNOWN))}
            raise Refusal(405, "MethodNotAllowed", "expected GET or POST", headers=allow)
        self._check_host(headers.getlist("host"))
        if scope["method"] in _CHANGING:
            self._check_origin(headers)
        if scope["path"] not in OPEN and not self._access.admits(headers.get("authorization")):
            challenge = {"WWW-Authenticate": "Bearer"}
            raise Refusal(
                401, "Unauthorized", "expected the key: Authorization: Bearer KEY", headers=challenge
            )
        if scope["method"] in _CHANGING:
            _check_type(headers)

    def _check_host(self, hosts: Sequence[str]) -> None:
        """A page of another site that found a way to name this server (DNS rebinding) gets nothing."""
        if len(hosts) != 1:
            raise Refusal(400, "BadRequest", f"Host: expected one, got {len(hosts)}")
        if hosts[0].lower() not in self._access.hosts:
            raise Refusal(421, "UnknownHost", "Host: expected a name that this server goes by (--allow-host)")

    def _check_origin(self, headers: Headers) -> None:
        """Pages of other sites do not ask."""
        origin = headers.get("origin")
        scheme, _, host = (origin or "").lower().partition("://")
        if origin is not None and not (scheme in ("http", "https") and host in self._access.hosts):
            raise Refusal(403, "ForeignOrigin", "Origin: expected this server's own page")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refusal(403, "ForeignOrigin", "Sec-Fetch-Site: expected this server's own page")

    async def _body(self, scope: Scope, headers: Headers, receive: Receive) -> bytes:
        """All of it.

        Raises:
            Refusal: it is too large (at once, where the client says so), too slow, of two lengths, or there.
        """
        if "content-length" in headers and "transfer-encoding" in headers:
            raise Refusal(400, "BadRequest", "expected Content-Length or Transfer-Encoding, got both")
        asks = scope["method"] in _CHANGING
        most = self._limits.body_bytes if asks else 0
        too_large = Refusal(413, "TooLarge", f"expected a body of at most {most:,} bytes")
        if int(headers.get("content-length", 0)) > most:
            raise too_large
        parts: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal(400, "Disconnected", "expected the rest of the body")
                    part, more = message.get("body", b""), message.get("more_body", False)
                    if size + len(part) > most:
                        raise too_large
                    if self._held + len(part) > self._limits.held_bytes:
                        raise Refusal(429, "Overloaded", "too many bodies are being read", headers=LATER)
                    parts.append(part)
                    size, self._held = size + len(part), self._held + len(part)
        except TimeoutError:
            seconds = self._limits.body_seconds
            raise Refusal(408, "TooSlow", f"expected the whole body within {seconds:g} s") from None
        finally:
            self._held -= size
        if asks and not size:
            raise Refusal(400, "BadRequest", "expected a body in JSON, got none")
        return b"".join(parts)


def _check_type(headers: Headers) -> None:
    """JSON as it is: forms of other pages may be sent unasked, and what is compressed may be a bomb."""
    media, _, _ = headers.get("content-type", "").partition(";")
    if media.strip().lower() != "application/json":
        raise Refusal(415, "UnsupportedMediaType", "Content-Type: expected application/json")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(415, "UnsupportedMediaType", "Content-Encoding: expected none")


def _replay(body: bytes, receive: Receive) -> Receive:
    """``body`` again, and then what comes: that the client has gone."""
    parts = iter([body])

    async def again() -> Message:
        for part in parts:
            return {"type": "http.request", "body": part, "more_body": False}
        return await receive()

    return again


def has_port(name: str) -> bool:
    """Whether ``name``, as in ``Host``, says a port."""
    return name.rpartition("]")[2].count(":") == 1
