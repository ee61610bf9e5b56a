"""Too many questions, questions that fail, clients that leave or dawdle, and the end."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from serving.conftest import error_of, running

from bertwright.errors import NonFiniteError, RunError
from bertwright.execution.threads import threads_as_before
from bertwright.inference.model import Model, load
from bertwright.progress import Silent
from bertwright.serving.answering import Answerer
from bertwright.serving.limits import Limits
from bertwright.serving.questions import Embedding, Question
from bertwright.serving.server import Place
from bertwright.serving.waiting import Closed, Full, WaitingRoom

E = "/v1/embeddings"


class Held:
    """Holds up every answer until it is let go; counts the texts that reached the model."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.seen: list[str] = []
        self._embed = Model.embed_texts

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def embed_texts(model: Model, texts: Sequence[str], **options: Any) -> Any:
            assert self.gate.wait(60)
            self.seen += texts
            if any("poison" in text for text in texts):
                raise NonFiniteError("poisoned")
            return self._embed(model, texts, **options)

        monkeypatch.setattr(Model, "embed_texts", embed_texts)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    found = Held()
    found.gate.set()  # the server's own trial
    found.install(monkeypatch)
    yield found
    found.gate.set()


@pytest.fixture
def model(models: dict[str, Model]) -> Model:
    return models["pretrained"]


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something that is to happen."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def unread_bytes(connection: Any) -> int:
    """Of a connection, perhaps closed by now."""
    return int(connection.transport.get_write_buffer_size())


def is_closed(client: socket.socket) -> bool:
    """Whether the server ends the connection without another word."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_overload_is_refused_at_once_and_the_rest_is_answered(model: Model, held: Held) -> None:
    limits = Limits(waiting_requests=4)
    with running({"m": model}, limits=limits) as server, ThreadPoolExecutor(20) as pool:
        held.gate.clear()
        asked = [pool.submit(server.post, E, input=f"the old man {n}") for n in range(20)]
        until(lambda: sum(one.done() for one in asked) == 16)
        refused = [one.result() for one in asked if one.done()]
        assert {one.status_code for one in refused} == {429}
        assert all(int(one.headers["retry-after"]) >= 1 for one in refused)
        assert {error_of(one)["type"] for one in refused} == {"Overloaded"}
        held.gate.set()
        good = [one.result() for one in asked if one.result().status_code != 429]
        assert [one.status_code for one in good] == 4 * [200]
        until(lambda: server.server.served["m"].room.requests == 0)
        assert server.server.served["m"].room.tokens == 0


def test_work_that_is_too_much_altogether_is_refused_by_its_size(model: Model, held: Held) -> None:
    limits = Limits(waiting_tokens=400)
    with running({"m": model}, limits=limits) as server:
        status, error = server.refusal(E, input=32 * [100 * "a"])
        assert status == 422 and "400 tokens" in error["message"]
        assert server.post(E, input="a").status_code == 200
    # On a processor that is as much as it does in the time for an answer: a question of hours is none.
    with running({"m": model}, limits=Limits(answer_seconds=0.5)) as server:
        assert server.refusal("/v1/score", input=32 * [2_000 * ". "])[0] == 422


def test_what_nobody_waits_for_is_given_up(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0

    def embed_texts(_: Model, texts: Sequence[str], *, progress: Any, **options: Any) -> Any:
        nonlocal steps
        if texts[0] == "long":
            for _ in range(1000):
                steps += 1
                time.sleep(0.01)
                progress.advance(0)
        return whole(model, texts, progress=progress, **options)

    whole = Model.embed_texts
    with running({"m": model}, limits=Limits(answer_seconds=0.3)) as server:
        monkeypatch.setattr(Model, "embed_texts", embed_texts)
        assert server.refusal(E, input="long")[0] == 503
        until(lambda: server.server.served["m"].room.requests == 0, 4)
        assert 0 < steps < 500
        until(lambda: server.post(E, input="short").status_code == 200)


def test_signs_of_life_while_an_answer_is_made(models: dict[str, Model]) -> None:
    beats: list[float] = []

    class Heard(Silent):
        def advance(self, amount: float = 1, note: str = "") -> None:
            beats.append(amount)

    models["left-to-right"].generate(["the old man"], max_tokens=8, progress=Heard())
    assert len(beats) >= 8 and sum(beats) == 1
    beats.clear()
    models["pretrained"].fill_mask("[MASK] " * 3 + "very " * 60, progress=Heard())
    assert len(beats) == 3 and sum(beats) == 3


def test_an_answer_that_does_not_come_is_told_in_time(model: Model, held: Held) -> None:
    limits = Limits(answer_seconds=0.3, waiting_requests=2)
    with running({"m": model}, limits=limits) as server:
        held.gate.clear()
        for _ in range(4):  # those that wait behind the first give their place back
            status, error = server.refusal(E, input="a")
            assert (status, error["type"]) == (503, "TooLate")
        held.gate.set()
        until(lambda: server.post(E, input="b").status_code == 200)
        assert held.seen.count("a") == 1, "what nobody waits for any more is not computed"


def test_clients_that_leave_cost_nothing(model: Model, held: Held) -> None:
    with running({"m": model}) as server:
        held.gate.clear()
        blocker = threading.Thread(target=server.post, args=(E,), kwargs={"input": "first"})
        blocker.start()
        room = server.server.served["m"].room
        until(lambda: room.requests == 1 and not room._waiting)  # it is being answered, alone
        body = json.dumps({"input": "gone"}).encode()
        head = f"POST {E} HTTP/1.1\r\nHost: localhost:{server.server.port}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        clients = []
        for _ in range(20):
            client = socket.create_connection(("127.0.0.1", server.server.port))
            client.sendall(head.encode() + body)
            clients.append(client)
        until(lambda: room.requests == 21)
        for client in clients:
            client.close()
        until(lambda: room.requests == 1)
        held.gate.set()
        blocker.join()
        assert server.post(E, input="after").status_code == 200
        assert "gone" not in held.seen


def test_one_poison_hurts_only_itself(model: Model, held: Held) -> None:
    words = ("old", "good", "bad", "dull", "great", "poison", "night", "day", "sea")
    texts = [f"the {word} man" for word in words]
    expected = {text: model.embed([text])[0] for text in texts if "poison" not in text}
    with running({"m": model}) as server, ThreadPoolExecutor(20) as pool:
        held.gate.clear()
        asked = {text: pool.submit(server.post, E, input=text) for text in texts}
        until(lambda: server.server.served["m"].room.requests == len(texts))
        held.gate.set()
        for text, answer in asked.items():
            response = answer.result()
            if "poison" in text:
                assert response.status_code == 500
                assert error_of(response)["type"] == "InternalError"
            else:
                found = response.json()["data"][0]["embedding"]
                np.testing.assert_allclose(found, expected[text], atol=1e-5)
        assert server.client.get("/health/ready").status_code == 200


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_replaced(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with running({"m": model}) as server:
        whole = Answerer._answer

        def die(answerer: Answerer, batch: Any) -> None:
            monkeypatch.setattr(Answerer, "_answer", whole)
            raise SystemExit

        monkeypatch.setattr(Answerer, "_answer", die)
        assert server.post(E, input="a").status_code == 500
        until(lambda: server.client.get("/health/ready").status_code == 200, 5)
        assert server.post(E, input="a").status_code == 200


def test_a_model_that_is_stuck_is_not_ready_and_then_the_end(model: Model, held: Held) -> None:
    limits = Limits(stuck_seconds=0.3, hopeless_seconds=2.0, answer_seconds=0.5)
    with (
        pytest.raises(AssertionError, match="no sign of life"),
        running({"m": model}, limits=limits) as server,
    ):
        held.gate.clear()
        assert server.refusal(E, input="a")[0] == 503
        until(lambda: server.client.get("/health/ready").status_code == 503, 5)
        assert server.client.get("/health/live").status_code == 200
        until(lambda: server.server.served["m"].room.closed, 10)


def test_an_idle_server_asks_itself(model: Model, held: Held) -> None:
    with running({"m": model}, limits=Limits(probe_seconds=0.2)) as server:
        before = len(held.seen)
        until(lambda: len(held.seen) > before)
        assert server.client.get("/health/ready").json() == {"status": "ready"}


def test_a_model_that_fails_is_not_ready_whatever_is_asked(model: Model, held: Held) -> None:
    with running({"m": model}, limits=Limits(probe_seconds=0.3)) as server:

        def fail(*_: Any, **__: Any) -> Any:
            raise RuntimeError("the device is gone")

        working, Model.embed_texts = Model.embed_texts, fail  # type: ignore[method-assign]
        try:
            end = time.monotonic() + 20
            while server.client.get("/health/ready").status_code == 200:
                assert server.post(E, input="a").status_code == 500
                assert time.monotonic() < end
        finally:
            Model.embed_texts = working  # type: ignore[method-assign]
        until(lambda: server.client.get("/health/ready").status_code == 200)


def test_a_mistake_is_logged_without_what_was_asked(
    model: Model, held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    with running({"m": model}) as server:
        _, error = server.refusal(E, input="poison geheim")
        (record,) = caplog.records
        number = error["message"].split("error ")[1].split(" ")[0]
        assert number in record.getMessage() and "NonFiniteError" in record.getMessage()
        assert "geheim" not in caplog.text and "poison" not in caplog.text


def test_bodies_are_bounded_altogether(model: Model) -> None:
    with running({"m": model}, limits=Limits(held_bytes=10_000)) as server:
        head = f"POST {E} HTTP/1.1\r\nHost: localhost:{server.server.port}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 9000\r\n\r\n"
        address = ("127.0.0.1", server.server.port)
        with socket.create_connection(address, timeout=10) as first:
            first.sendall(head.encode() + 8_000 * b" ")
            body = json.dumps({"input": 5_000 * "a "})
            headers = {"Content-Type": "application/json"}
            until(lambda: server.client.post(E, content=body, headers=headers).status_code == 429)
        until(lambda: server.client.post(E, content=body[:3000], headers=headers).status_code == 400)


def test_a_client_that_does_not_read_is_left(model: Model) -> None:
    with running({"m": model}, limits=Limits(answer_seconds=0.5)) as server:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.connect(("127.0.0.1", server.server.port))
        request = f"GET /page.js HTTP/1.1\r\nHost: localhost:{server.server.port}\r\n\r\n".encode()
        with suppress(ConnectionResetError, BrokenPipeError, TimeoutError):
            client.settimeout(5)
            client.sendall(2_000 * request)
            time.sleep(1)
        connections = server.server._server.server_state.connections
        until(lambda: len(connections) <= 1)  # our own is left
        client.close()


def test_answers_that_are_not_read_are_bounded_altogether(model: Model) -> None:
    most = 1 << 20
    with running({"m": model}, limits=Limits(unread_bytes=most)) as server:
        request = f"GET /page.js HTTP/1.1\r\nHost: localhost:{server.server.port}\r\n\r\n".encode()
        connections = server.server._server.server_state.connections
        clients, largest = [socket.socket() for _ in range(24)], 0
        for client in clients:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            client.connect(("127.0.0.1", server.server.port))
            client.settimeout(5)
        before = len(clients)
        for client in clients:
            with suppress(OSError):
                client.sendall(200 * request)
            largest = max(largest, sum(map(unread_bytes, list(connections))))
        until(lambda: len(connections) < before)
        assert largest <= most + (1 << 17)  # that of whoever was one too many
        assert server.client.get("/health/live").status_code == 200
        for client in clients:
            client.close()


def test_answers_are_sent_at_once(model: Model) -> None:
    """Else the body waits 40 ms for the client to acknowledge the head."""
    with running({"model": model}) as server:
        server.client.get("/health")
        (connection,) = server.server._server.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_more_may_connect_than_wait() -> None:
    """So that who is one too many is told so."""
    assert Limits().waiting_requests < Limits().connections


def test_every_model_computes_with_all_threads(models: dict[str, Model]) -> None:
    """Whatever number another model's helper threads have set when its thread begins to compute."""
    numbers: list[int] = []
    room = WaitingRoom(Limits())
    with threads_as_before():
        torch.set_num_threads(3)
        answerer = Answerer(models["pretrained"], room, lambda *_: None)
        answerer._answer = lambda _: numbers.append(torch.get_num_threads())  # type: ignore[method-assign]
        torch.set_num_threads(1)
        answerer.start()
        waiter = room.enter(Embedding(("a",)), 1)
        with pytest.raises(RunError, match="the answer was lost"):
            waiter.answer.result(10)
    assert numbers == [3]
    room.close()


def test_the_drain_ends_with_a_refusal(model: Model, held: Held) -> None:
    with running({"m": model}, limits=Limits(drain_seconds=1)) as server, ThreadPoolExecutor(1) as pool:
        held.gate.clear()
        asked = pool.submit(server.post, E, input="a")
        until(lambda: server.server.served["m"].room.requests == 1)
        server.server.stop()
        response = asked.result()
        assert (response.status_code, error_of(response)["type"]) == (503, "ShuttingDown")
        held.gate.set()


def test_what_was_accepted_is_answered_at_the_end(model: Model, held: Held) -> None:
    with running({"m": model}) as server, ThreadPoolExecutor(8) as pool:
        held.gate.clear()
        asked = [pool.submit(server.post, E, input="a") for _ in range(8)]
        room = server.server.served["m"].room
        until(lambda: room.requests == 8)
        server.server.stop()
        until(lambda: room.closed)
        with pytest.raises(Closed):
            room.enter(Embedding(("b",)), 3)
        held.gate.set()
        assert [one.result().status_code for one in asked] == 8 * [200]


def test_clients_that_dawdle_are_left(model: Model) -> None:
    limits = Limits(head_seconds=1.0, body_seconds=1.0)
    with running({"m": model}, limits=limits) as server:
        address = ("127.0.0.1", server.server.port)
        host = f"Host: localhost:{server.server.port}\r\n".encode()
        with socket.create_connection(address, timeout=10) as silent:
            assert is_closed(silent)
        slow = socket.create_connection(address, timeout=10)
        with slow, pytest.raises((BrokenPipeError, ConnectionResetError)):
            for byte in b"GET / HTTP/1.1\r\n" + 400 * b"X: y\r\n":
                slow.sendall(bytes([byte]))
                time.sleep(0.02)
        with socket.create_connection(address, timeout=10) as slow:
            head = (
                b"POST /v1/embeddings HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 999\r\n"
            )
            slow.sendall(head + host + b"\r\n")
            received = b""
            for _ in range(400):
                slow.sendall(b" ")
                slow.settimeout(0.02)
                try:
                    received += slow.recv(4096)
                    break
                except TimeoutError:
                    continue
            assert b" 408 " in received
        with socket.create_connection(address, timeout=10) as second:  # behind a good request, too
            second.sendall(b"GET /health/live HTTP/1.1\r\n" + host + b"\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += second.recv(4096)
            second.sendall(b"GET /heal")
            assert is_closed(second)


def test_too_many_connections_are_closed(model: Model) -> None:
    with running({"m": model}, limits=Limits(connections=4)) as server:
        address = ("127.0.0.1", server.server.port)
        clients = [socket.create_connection(address, timeout=10) for _ in range(4)]
        with socket.create_connection(address, timeout=10) as fifth:
            assert is_closed(fifth)
        for client in clients:
            client.close()
        until(lambda: server.client.get("/health/live").status_code == 200)


class TestWaitingRoom:
    """By itself, without a server."""

    def question(self, *rows: str, pooling: Any = None) -> Question:
        return Embedding(rows, pooling)

    def test_first_come_first_served_and_alike_together(self) -> None:
        room = WaitingRoom(Limits(batch_tokens=10))
        entered = [
            room.enter(self.question("a"), 4),
            room.enter(self.question("b", pooling="cls"), 1),
            room.enter(self.question("c"), 4),
            room.enter(self.question("d"), 4),
            room.enter(self.question("e"), 2),
        ]
        assert room.take(0) == [entered[0], entered[2], entered[4]]
        assert room.take(0) == [entered[1]]
        assert room.take(0) == [entered[3]]
        assert room.take(0) == []
        assert (room.requests, room.tokens) == (5, 15), "they hold their places until they are answered"
        for waiter in entered:
            waiter.answer.set_result([])
        assert (room.requests, room.tokens) == (0, 0)

    def test_one_that_is_larger_than_a_batch_goes_alone(self) -> None:
        room = WaitingRoom(Limits(batch_tokens=10))
        large, small = room.enter(self.question("a"), 100), room.enter(self.question("b"), 1)
        assert room.take(0) == [large]
        assert room.take(0) == [small]

    def test_places_are_given_back(self) -> None:
        room = WaitingRoom(Limits(waiting_requests=2, waiting_tokens=10))
        first, second = room.enter(self.question("a"), 1), room.enter(self.question("b"), 1)
        with pytest.raises(Full):
            room.enter(self.question("c"), 1)
        assert first.answer.cancel()
        third = room.enter(self.question("c"), 9)
        assert room.take(0) == [second, third]

    def test_closed(self) -> None:
        room = WaitingRoom(Limits())
        waiter = room.enter(self.question("a"), 1)
        room.close()
        with pytest.raises(Closed):
            room.enter(self.question("b"), 1)
        assert room.take(5) == [waiter]
        assert room.take(5) == []


def test_a_key_is_wanted(model: Model) -> None:
    key = "0123456789abcdef"
    with running({"m": model}, place=Place(port=0, key=key)) as server:
        good = {"Authorization": f"Bearer {key}"}
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {key}"}, {"X": key}):
            for method, address in (("POST", E), ("GET", "/v1/models"), ("GET", "/metrics"), ("GET", "/x")):
                response = server.client.request(method, address, headers=headers, json={"input": "a"})
                assert response.status_code == 401, (method, address)
                assert response.headers["www-authenticate"] == "Bearer"
                error_of(response)
        for address in ("/", "/page.js", "/health/ready", "/health/live"):
            assert server.client.get(address).status_code == 200
        for headers in (good, {"Authorization": f"bearer  {key}"}):
            assert server.client.post(E, json={"input": "a"}, headers=headers).status_code == 200
        long = {"Authorization": "Bearer " + 10_000 * "é"}
        raw_headers = [(b"authorization", long["Authorization"].encode("latin-1"))]
        assert server.client.get("/v1/models", headers=raw_headers).status_code == 401  # type: ignore[arg-type]


def test_a_name_that_is_allowed(model: Model) -> None:
    place = Place(port=0, allowed_hosts=("Model.example", "other.example:443"))
    with running({"m": model}, place=place) as server:
        port = server.server.port
        for host, status in (
            ("model.example", 200),
            (f"model.example:{port}", 200),
            ("other.example:443", 200),
            ("other.example", 421),
            (f"other.example:{port}", 421),
            ("model.example:1", 421),
        ):
            assert server.client.get("/health/live", headers={"Host": host}).status_code == status, host


def test_nothing_of_the_machine_is_shown(model: Model) -> None:
    with running({"m": load(model.folder.path)}) as server:
        for address in ("/v1/models", "/health/ready", "/metrics", "/openapi.json", "/nothing", "/"):
            assert str(model.folder.path) not in server.client.get(address).text
        told = server.client.get("/metrics").text
        assert "bertwright_ready" in told and "python_info" not in told
