"""Servers that really listen, on this machine, with small models of every kind."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from small_models import config, save_classifier, save_left_to_right, save_pretrained, tokenizer
from torch import nn

from bertwright.checkpoints.model_folder import save_model
from bertwright.inference.model import Model, load
from bertwright.model.choice_classifier import ChoiceClassifier
from bertwright.model.span_classifier import SpanClassifier
from bertwright.model.token_classifier import TokenClassifier
from bertwright.serving.limits import Limits
from bertwright.serving.server import ModelServer, Place

TASKS: dict[str, tuple[Callable[..., nn.Module], int, dict[str, Any]]] = {
    "tag": (TokenClassifier, 3, {"labels": ["O", "B-X", "I-X"], "scheme": "IOB2"}),
    "answer": (SpanClassifier, 2, {}),
    "choose": (ChoiceClassifier, 1, {}),
}


@dataclass(frozen=True)
class Running:
    """A server, and a client of it."""

    server: ModelServer
    client: httpx.Client

    def post(self, address: str, **body: Any) -> httpx.Response:
        """Ask."""
        return self.client.post(address, json=body)

    def answers(self, address: str, **body: Any) -> Any:
        """What is asked, answered."""
        response = self.post(address, **body)
        assert response.status_code == 200, response.text
        return response.json()

    def refusal(self, address: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """Status and error."""
        response = self.post(address, **body)
        return response.status_code, error_of(response)


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error object, which is all that a refusal holds, and holds nothing of this machine."""
    (key,) = response.json()
    assert key == "error"
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"type", "message", "param"}
    assert error["message"].isprintable()
    assert "/" not in error["message"].replace("application/json", "").replace("HTTP/1.1", "").replace(
        " / ", ""
    )
    assert "Traceback" not in json.dumps(error)
    return error


@contextmanager
def running(
    models: Mapping[str, Model], *, limits: Limits | None = None, place: Place | None = None
) -> Iterator[Running]:
    """A server in a thread, which is ended afterwards and has then answered all."""
    server = ModelServer(models, place or Place(port=0), limits=limits)
    listening = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            server.run(listening.set)
        except BaseException as problem:
            failures.append(problem)
            listening.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert listening.wait(30)
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        try:
            yield Running(server, client)
        finally:
            server.stop()
            thread.join(30)
            assert not thread.is_alive(), "the server did not end"
    assert not failures, failures


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """One of every kind."""
    folder = tmp_path_factory.mktemp("models")
    words = tokenizer()
    for kind, (network, outputs, task) in TASKS.items():
        model = network(config(len(words.vocabulary)), outputs, seed=0)
        save_model(folder / kind, model, words, task={"kind": kind, **task}, provenance={})
    save_pretrained(folder / "pretrained")
    save_classifier(folder / "classifier")
    save_classifier(folder / "pairs", "other", seed=1)
    save_left_to_right(folder / "left-to-right")
    return {path.name: load(path) for path in sorted(Path(folder).iterdir())}


@pytest.fixture(scope="session")
def served(models: dict[str, Model]) -> Iterator[Running]:
    """All of them behind one server."""
    with running(models) as server:
        yield server
