"""The addresses of the server, and what each of them answers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from fastapi import APIRouter, FastAPI
from numpy.typing import NDArray
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive

import bertwright
from bertwright.errors import InputError
from bertwright.serving import schema
from bertwright.serving.figures import Figures
from bertwright.serving.gate import Access, Gate
from bertwright.serving.limits import Limits
from bertwright.serving.page import page_files, page_response
from bertwright.serving.questions import (
    Blanks,
    Continuation,
    Embedding,
    Following,
    Likelihood,
    Prediction,
    Question,
    Vector,
)
from bertwright.serving.refusals import LATER, Refusal, json_response
from bertwright.serving.routes import counted_route, response_of
from bertwright.serving.rows import task_rows
from bertwright.serving.served import Served, named
from bertwright.serving.waiting import Closed, Waiter


def application(served: Mapping[str, Served], access: Access, limits: Limits, figures: Figures) -> ASGIApp:
    """Everything that is answered, behind the gate."""
    app = FastAPI(
        title="bertwright",
        version=bertwright.__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # behind a proxy the address of a redirection would be a wrong one
    )
    app.include_router(_asking(Asking(served, limits), figures))
    app.include_router(_looking(served, figures))
    app.add_exception_handler(HTTPException, _not_found)
    return Gate(app, access, limits, figures.refused)


async def _not_found(_: Request, problem: Exception) -> Response:
    return response_of(problem)


class Asking:
    """The addresses where something is asked of a model."""

    def __init__(self, served: Mapping[str, Served], limits: Limits) -> None:
        self._served, self._limits = served, limits

    async def embeddings(self, request: Request, asked: schema.EmbeddingsRequest) -> Response:
        """A vector for every text, as OpenAI's API gives them."""
        one, rows = self._model(asked, Embedding), _rows(asked.input)
        question = Embedding(rows, asked.pooling, asked.normalize)
        _require_dimensions(asked.dimensions, question.width(one.model))
        vectors: list[Vector] = await self._answers(request, one, question)
        numbers = [_shortened(vector.numbers, asked.dimensions) for vector in vectors]
        encode = _base64 if asked.encoding_format == "base64" else _list
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": encode(number),
                "truncated": vector.truncated,
            }
            for index, (number, vector) in enumerate(zip(numbers, vectors, strict=True))
        ]
        tokens = sum(vector.tokens for vector in vectors)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return await _written({"object": "list", "data": data, "model": one.name, "usage": usage})

    async def predict(self, request: Request, asked: schema.PredictRequest) -> Response:
        """The fine-tuned answer for every row."""
        one = self._model(asked, Prediction)
        rows = task_rows(one.model.task.kind, _rows(asked.input))
        return await self._answered(request, one, Prediction(rows))

    async def fill_mask(self, request: Request, asked: schema.FillMaskRequest) -> Response:
        """What could stand in every [MASK]."""
        one = self._model(asked, Blanks)
        return await self._answered(request, one, Blanks(_rows(asked.input), asked.top_k))

    async def next_sentence(self, request: Request, asked: schema.NextSentenceRequest) -> Response:
        """Does the second text follow the first?"""
        one = self._model(asked, Following)
        pairs = tuple((pair.text, pair.text_pair) for pair in _rows(asked.input))
        return await self._answered(request, one, Following(pairs))

    async def score(self, request: Request, asked: schema.ScoreRequest) -> Response:
        """How natural is every text?"""
        one = self._model(asked, Likelihood)
        question = Likelihood(_rows(asked.input), asked.per_token)
        return await self._answered(request, one, question, kind=one.model.score_kind)

    async def generate(self, request: Request, asked: schema.GenerateRequest) -> Response:
        """How does every text go on, to a left-to-right model?"""
        one = self._model(asked, Continuation)
        question = Continuation(_rows(asked.input), asked.max_tokens, asked.top_p, asked.seed)
        return await self._answered(request, one, question)

    def _model(self, asked: schema.Asked, kind: type[Question]) -> Served:
        """Raises:
        Refusal: there is no such model, or it has no such answer.
        """
        one = named(self._served, asked.model)
        names = ", ".join(self._served)
        if one is None and asked.model is None:
            raise Refusal(422, "InvalidRequest", f"model: expected one of {names}", param="model")
        if one is None:
            raise Refusal(404, "UnknownModel", f"model: expected one of {names}", param="model")
        if kind.ability not in one.abilities:
            able = ", ".join(one.abilities)
            said = f"{one.name}: expected a request for {able}, got {kind.ability}, for which it has no head"
            raise Refusal(404, "NoSuchAbility", said, param="model")
        return one

    async def _answered(self, request: Request, one: Served, question: Question, **more: Any) -> Response:
        answers = await self._answers(request, one, question)
        return await _written({"model": one.name, **more, "answers": answers})

    async def _answers(self, request: Request, one: Served, question: Question) -> list[Any]:
        """Wait for the answers, as long as they may take and somebody wants them.

        Raises:
            InputError, RunError: there are none.
            Refusal: it took too long, or the client has gone.
        """
        return await _outcome(one.ask(question), request.receive, self._limits.answer_seconds)


def _asking(asking: Asking, figures: Figures) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=counted_route(figures))
    wrong: dict[int | str, dict[str, Any]] = {
        status: {"model": schema.ErrorAnswer}
        for status in (400, 401, 403, 404, 408, 413, 415, 421, 422, 429, 500, 503)
    }
    for address, endpoint, answer in (
        ("/embeddings", asking.embeddings, schema.EmbeddingsAnswer),
        ("/predict", asking.predict, schema.Answers),
        ("/fill-mask", asking.fill_mask, schema.Answers),
        ("/next-sentence", asking.next_sentence, schema.Answers),
        ("/score", asking.score, schema.ScoreAnswers),
        ("/generate", asking.generate, schema.Answers),
    ):
        router.add_api_route(address, endpoint, methods=["POST"], responses={200: {"model": answer}, **wrong})
    return router


def _looking(served: Mapping[str, Served], figures: Figures) -> APIRouter:
    """The addresses where one looks: models, health, figures, the page."""
    router = APIRouter()

    async def models() -> Response:
        """What is served."""
        return json_response({"object": "list", "data": [one.to_dict() for one in served.values()]})

    async def model(name: str) -> Response:
        """One of them."""
        if name not in served:
            raise HTTPException(404, "expected a model that is served")
        return json_response(served[name].to_dict())

    async def live() -> Response:
        """The process answers."""
        return json_response({"status": "live"})

    async def ready() -> Response:
        """Every model has answered lately, and is not stuck."""
        good = all(one.ready and not one.room.closed for one in served.values())
        return json_response({"status": "ready" if good else "not ready"}, 200 if good else 503)

    async def metrics() -> Response:
        """For Prometheus."""
        return Response(figures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    for address, endpoint in (
        ("/v1/models", models),
        ("/v1/models/{name}", model),
        ("/health/live", live),
        ("/health/ready", ready),
        ("/metrics", metrics),
    ):
        router.add_api_route(address, endpoint, methods=["GET"])
    for address, (content, media) in page_files().items():
        router.add_route(address, _file(content, media), methods=["GET"], include_in_schema=False)
    return router


def _file(content: bytes, media: str) -> Any:
    async def file(_: Request) -> Response:
        return page_response(content, media)

    return file


async def _outcome(waiter: Waiter, receive: Receive, seconds: float) -> list[Any]:
    answer = asyncio.wrap_future(waiter.answer)
    gone = asyncio.create_task(_gone(receive))
    first: set[asyncio.Future[Any]] = {answer, gone}
    try:
        await asyncio.wait(first, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if gone.done():
            raise Refusal(499, "ClientGone", "nobody waits for the answer")
        raise Refusal(503, "TooLate", f"no answer within {seconds:g} s", headers=LATER)
    except asyncio.CancelledError:  # the server does not wait for it any longer
        raise Closed("the server is being stopped") from None
    finally:
        gone.cancel()
        answer.cancel()
        waiter.leave()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _rows(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, list) else (given,)


async def _written(answer: dict[str, Any]) -> Response:
    """Written elsewhere, since it may be long: the other connections go on."""
    return await asyncio.to_thread(json_response, answer)


def _require_dimensions(asked: int | None, there: int) -> None:
    """Raises:
    InputError: there are fewer than ``asked``.
    """
    if asked is not None and asked > there:
        raise InputError(f"dimensions: expected at most {there}, got {asked}")


def _shortened(numbers: NDArray[np.float32], dimensions: int | None) -> NDArray[np.float32]:
    """The first ``dimensions`` of a vector (D,), at the length that the whole one had."""
    if dimensions is None or dimensions == len(numbers):
        return numbers
    first = numbers[:dimensions]
    size = np.linalg.norm(first)
    return first if size == 0 else (first * (np.linalg.norm(numbers) / size)).astype(np.float32)


def _list(numbers: NDArray[np.float32]) -> list[float]:
    found: list[float] = numbers.tolist()
    return found


def _base64(numbers: NDArray[np.float32]) -> str:
    """As OpenAI's clients read it: float32, the lowest byte first."""
    return base64.b64encode(np.ascontiguousarray(numbers, "<f4").tobytes()).decode("ascii")
