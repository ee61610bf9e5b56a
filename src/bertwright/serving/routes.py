"""How a request becomes a response: strict JSON in, one kind of error out, and every one counted."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bertwright import strict_json
from bertwright.errors import InputError
from bertwright.serving.figures import Figures
from bertwright.serving.refusals import Refusal, refusal_of
from bertwright.serving.schema import FIELDS, oversized, place_of

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_LARGE = 32 << 10  # bytes
_log = logging.getLogger("bertwright.serving")


class StrictRequest(Request):
    """Whose JSON is what the standard calls so."""

    async def json(self) -> Any:
        try:
            body = await self.body()
            # What is large is read elsewhere: the other connections go on.
            value = await asyncio.to_thread(_parsed, body) if len(body) > _LARGE else _parsed(body)
        except InputError as problem:
            raise HTTPException(400, problem.message) from None
        if oversized(value):
            raise HTTPException(422, f"body: expected objects of at most {FIELDS} fields")
        return value


def _parsed(body: bytes) -> Any:
    return strict_json.parse(body, "body", max_bytes=len(body), surrogates=False)


def counted_route(figures: Figures) -> type[APIRoute]:
    """Routes that ``figures`` hear of."""

    class CountedRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            answer, ability = super().get_route_handler(), self.path.rpartition("/")[2]

            async def handle(request: Request) -> Response:
                begun = time.monotonic()
                try:
                    response = await answer(StrictRequest(request.scope, request.receive))
                except Exception as problem:
                    response = response_of(problem)
                figures.requested(ability, response.status_code, time.monotonic() - begun)
                return response

            return handle

    return CountedRoute


def response_of(problem: Exception) -> Response:
    """What a client is told of ``problem``; of a mistake of ours only its number in the log."""
    if isinstance(problem, RequestValidationError):
        first = problem.errors()[0]
        place = place_of(first["loc"])
        where = f"{place}: " if place else "body: "
        return Refusal(422, "InvalidRequest", f"{where}{first['msg']}", param=place or None).response
    if isinstance(problem, HTTPException):
        kind = {404: "NotFound", 405: "MethodNotAllowed"}.get(problem.status_code, "BadRequest")
        return Refusal(problem.status_code, kind, problem.detail, headers=problem.headers).response
    if refusal := refusal_of(problem):
        return refusal.response
    number = secrets.token_hex(6)
    # Neither the message nor the lines of code: they can hold what was asked.
    frames = traceback.extract_tb(problem.__traceback__)
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-5:]))
    _log.error("error %s: %s in %s", number, type(problem).__name__, places)
    return Refusal(500, "InternalError", f"the server failed (error {number} in its log)").response
