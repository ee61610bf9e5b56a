"""One connection of a client: uvicorn's, with an end to what may be slow, large or malformed in a head.

What comes behind the head, :mod:`bertwright.serving.gate` bounds.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from http import HTTPStatus
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from bertwright.serving.gate import SECURITY
from bertwright.serving.limits import Limits
from bertwright.serving.refusals import Refusal


class Connection(H11Protocol):
    """Closes when there are too many, when the head of a request takes too long, or an answer is not read."""

    limits: ClassVar[Limits] = Limits()
    _late: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.abort()
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._expect_head()
        else:
            self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read: it has the time for an answer to begin again, if there is room."""
        super().pause_writing()
        if sum(map(_unread_bytes, self.connections)) > self.limits.unread_bytes:
            self.transport.abort()
            return
        self._unread = self.loop.call_later(self.limits.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def timeout_keep_alive_handler(self) -> None:
        """Closing would wait for a client that does not read."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """In our words, and with the status that fits; nothing where an answer is already on its way."""
        hint = getattr(sys.exc_info()[1], "error_status_hint", 0)  # of what the base class is handling
        too_large = hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST
        said = "expected smaller headers" if too_large else "expected a request of HTTP/1.1"
        answer = Refusal(status, "BadRequest", said, headers={**SECURITY, "Connection": "close"}).response
        with suppress(h11.LocalProtocolError):
            head = h11.Response(status_code=status, headers=answer.raw_headers, reason=status.phrase.encode())
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _expect_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.limits.head_seconds, self._give_up)

    def _give_up(self) -> None:
        self.transport.abort()

    def _forget(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _unread_bytes(connection: object) -> int:
    """Written and not yet sent."""
    transport: asyncio.Transport | None = getattr(connection, "transport", None)
    return 0 if transport is None else transport.get_write_buffer_size()


def bounded(limits: Limits) -> type[Connection]:
    """Connections that keep to ``limits``."""
    return type("BoundedConnection", (Connection,), {"limits": limits})
