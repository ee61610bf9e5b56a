"""What a client is told when there is no answer: a status, and one line of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from bertwright import strict_json
from bertwright.errors import InputError, one_line
from bertwright.serving.waiting import Closed, Full

LATER = {"Retry-After": "1"}
"""Seconds after which a client that was turned away may come again."""
_FIELDS = ("pooling", "max_tokens", "top_p", "top_k", "dimensions")


class Refusal(Exception):
    """No answer, and why.

    Args:
        status: of HTTP.
        kind: for programs.
        message: for people; has nothing of the machine in it.
        param: the field that is wrong.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.param = status, kind, param
        self.headers = dict(headers or {})

    @property
    def response(self) -> Response:
        """As it is sent: ``{"error": {"type", "message", "param"}}``."""
        error = {"type": self.kind, "message": one_line(str(self)), "param": self.param}
        return json_response({"error": error}, self.status, self.headers)


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``value`` as JSON; numbers that are not finite are a mistake and raise."""
    content = strict_json.dump(value).encode()
    return Response(content, status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")


def refusal_of(problem: Exception) -> Refusal | None:
    """What a client is told of an error that is expected; None of one that is a mistake of ours."""
    match problem:
        case Refusal():
            return problem
        case Full():
            return Refusal(429, "Overloaded", str(problem), headers=LATER)
        case Closed():
            return Refusal(503, "ShuttingDown", str(problem), headers=LATER)
        case InputError():
            return Refusal(422, type(problem).__name__, problem.message, param=_field(problem.message))
    return None


def _field(message: str) -> str:
    """Where an error in the words of the model is: most begin with it."""
    row = re.match(r"row (\d+): ", message)
    if row is not None:
        return f"input.{row[1]}"
    name = message.partition(": ")[0]
    return name if name in _FIELDS else "input"
