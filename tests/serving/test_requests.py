"""What a server refuses, with which status, and that one line says why."""

from __future__ import annotations

import json
import random
import socket
import time
from typing import Any

import httpx
import pytest
from serving.conftest import Running, error_of

MEGABYTE = 1 << 20


def raw(served: Running, request: bytes, *, leave: bool = False) -> tuple[int, bytes]:
    """Status and everything that came back for bytes as they are; 0 where there was no answer.

    Args:
        leave: send nothing more, as a client that has gone.
    """
    with socket.create_connection(("127.0.0.1", served.server.port), timeout=30) as connection:
        try:
            connection.sendall(request)
            if leave:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            pass
    return int(received.split(b" ", 2)[1]) if received else 0, received


def post(served: Running, body: bytes, *lines: str) -> bytes:
    """A request with these header lines besides the usual ones."""
    host = f"Host: 127.0.0.1:{served.server.port}"
    usual = [host, "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close"]
    kept = [line for line in usual if line.split(":")[0] not in {own.split(":")[0] for own in lines}]
    head = [
        "POST /v1/embeddings HTTP/1.1",
        *kept,
        *(line for line in lines if not line.endswith(":")),
        "",
        "",
    ]
    return "\r\n".join(head).encode() + body


def changed(request: bytes, chance: random.Random) -> bytes:
    """The same with a few bytes replaced, left out or put in."""
    found = bytearray(request)
    for _ in range(chance.randrange(1, 6)):
        place, change = chance.randrange(len(found)), chance.randrange(3)
        if change == 0:
            found[place] = chance.randrange(256)
        elif change == 1:
            del found[place : place + chance.randrange(1, 9)]
        else:
            found[place:place] = chance.randbytes(chance.randrange(1, 9))
    return bytes(found)


GOOD = json.dumps({"model": "pretrained", "input": "a"}).encode()


def test_the_usual_request_is_answered(served: Running) -> None:
    status, answer = raw(served, post(served, GOOD))
    assert status == 200 and b'"embedding"' in answer


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (400, ["Host:"]),
        (400, ["Host: 127.0.0.1:{port}", "Host: evil.example"]),
        (421, ["Host: evil.example"]),
        (421, ["Host: 0.0.0.0:{port}"]),
        (421, ["Host: 127.0.0.1:1"]),
        (421, ["Host: localhost.:{port}"]),
        (421, ["Host: user@localhost:{port}"]),
        (403, ["Origin: http://evil.example"]),
        (403, ["Origin: null"]),
        (403, ["Origin: http://127.0.0.1:1"]),
        (403, ["Sec-Fetch-Site: cross-site"]),
        (403, ["Sec-Fetch-Site: same-site"]),
        (200, ["Origin: http://localhost:{port}", "Sec-Fetch-Site: same-origin"]),
        (200, ["Host: LOCALHOST:{port}"]),
        (200, ["X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil.example"]),
        (415, ["Content-Type: text/plain"]),
        (415, ["Content-Type: application/x-www-form-urlencoded"]),
        (415, ["Content-Type:"]),
        (415, ["Content-Encoding: gzip"]),
        (200, ["Content-Type: application/json; charset=utf-8"]),
        (413, ["Content-Length: 10000000000"]),
        (413, ["Content-Length: 10000000000", "Expect: 100-continue"]),
        (400, ["Content-Length: -1"]),
        (400, ["Content-Length: 1" + 30 * "0"]),
        (400, ["Content-Length: 5", "Content-Length: 6"]),
        (400, ["Transfer-Encoding: chunked", "Content-Length: 36"]),
        (400, ["X-Folded: a\r\n b: c\x00"]),
        (400, ["Transfer-Encoding: gzip, chunked", "Content-Length:"]),
        (431, ["X-Large: " + 20_000 * "a"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else str(value),
)
def test_heads(served: Running, status: int, lines: list[str]) -> None:
    told = [line.format(port=served.server.port) if "{port}" in line else line for line in lines]
    found, answer = raw(served, post(served, GOOD, *told))
    assert found == status, answer
    assert b"100 Continue" not in answer
    if status >= 400:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert set(json.loads(body)["error"]) == {"type", "message", "param"}
        assert b"connection: close" in head.lower()


def test_many_headers_are_too_many(served: Running) -> None:
    lines = [f"X-{number}: 12345678901234567890" for number in range(1000)]
    assert raw(served, post(served, GOOD, *lines))[0] == 431


@pytest.mark.parametrize(
    ("status", "request_line"),
    [
        (400, "GET @evil.example HTTP/1.1"),
        (400, "GET http://evil.example/ HTTP/1.1"),
        (404, "GET /../../etc/passwd HTTP/1.1"),
        (404, "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1"),
        (404, "GET /page/index.html HTTP/1.1"),
        (404, "GET /docs HTTP/1.1"),
        (404, "GET /v1/models/ HTTP/1.1"),
        (404, "GET /v1/models/nobody HTTP/1.1"),
        (431, f"GET /{20_000 * 'a'} HTTP/1.1"),
        (405, "TRACE / HTTP/1.1"),
        (405, "CONNECT /x HTTP/1.1"),
        (405, "OPTIONS /v1/embeddings HTTP/1.1"),
        (405, "DELETE /v1/embeddings HTTP/1.1"),
        (405, "GET /v1/embeddings HTTP/1.1"),
        (400, "GET / HTTP/9.9"),
        (400, "\x16\x03\x01\x02\x00\x01"),
        (400, "GET  /  HTTP/1.1"),
    ],
)
def test_request_lines(served: Running, status: int, request_line: str) -> None:
    lines = [request_line, f"Host: localhost:{served.server.port}", "Connection: close", "", ""]
    request = "\r\n".join(lines).encode("latin-1")
    found, answer = raw(served, request)
    assert found == status, answer
    if status == 405:
        assert b"allow: " in answer.lower()
    assert b"passwd" not in answer.partition(b"\r\n\r\n")[2]


def test_chunks(served: Running) -> None:
    def chunked(body: bytes) -> bytes:
        return post(served, b"", "Transfer-Encoding: chunked", "Content-Length:") + body

    whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD)
    assert raw(served, chunked(whole))[0] == 200
    assert raw(served, chunked(b"zz\r\nabc\r\n0\r\n\r\n"))[0] == 400
    assert raw(served, chunked(b"3\r\nabcdef\r\n0\r\n\r\n"))[0] == 400
    part = b"%x\r\n%s\r\n" % (MEGABYTE, MEGABYTE * b" ")
    assert raw(served, chunked(3 * part + b"0\r\n\r\n"))[0] in (413, 0)


def test_a_body_where_none_belongs(served: Running) -> None:
    lines = ["GET / HTTP/1.1", f"Host: localhost:{served.server.port}", "Content-Length: 5", "", "hello"]
    assert raw(served, "\r\n".join(lines).encode())[0] == 413


def test_pipelined_requests_are_answered_in_order(served: Running) -> None:
    bodies = [json.dumps({"model": "pretrained", "input": n * "a "}).encode() for n in range(1, 21)]
    requests = [post(served, body, "Connection: keep-alive") for body in bodies[:-1]]
    _, answer = raw(served, b"".join([*requests, post(served, bodies[-1])]))
    tokens = [int(part.split(b"}")[0]) for part in answer.split(b'"total_tokens": ')[1:]]
    assert tokens == [n + 2 for n in range(1, 21)]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (400, GOOD + b"x"),
        (400, b'{"input": "a'),
        (400, b'{"input": "\xff"}'),
        (400, b"\xef\xbb\xbf" + GOOD),
        (400, b'{"input": "a", "input": "b"}'),
        (400, b'{"input": NaN}'),
        (400, b'{"input": Infinity}'),
        (400, b'{"input": 1e400}'),
        (400, b'{"input": 1' + 5000 * b"0" + b"}"),
        (400, b'{"input": ' + 100_000 * b"[" + 100_000 * b"]" + b"}"),
        (400, b'{"input": "\\ud83d"}'),
        (422, b"[]"),
        (422, b"null"),
        (422, b'"text"'),
    ],
    ids=lambda value: value[:30].decode("latin-1") if isinstance(value, bytes) else str(value),
)
def test_bodies_that_are_no_json_object(served: Running, status: int, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = served.client.post("/v1/embeddings", content=body, headers=headers)
    assert response.status_code == status, response.text
    error_of(response)


E = "/v1/embeddings"
PAIR = {"text": "a", "text_pair": "b"}
LARGE = 10 * "[MASK]" + 5_000 * "a "
CASES: list[tuple[int, str, str | None, dict[str, Any]]] = [
    (422, E, "input", {"model": "pretrained"}),
    (422, E, "input", {"model": "pretrained", "input": None}),
    (422, E, "input", {"model": "pretrained", "input": ""}),
    (422, E, "input", {"model": "pretrained", "input": "  \n "}),
    (422, E, "input", {"model": "pretrained", "input": []}),
    (422, E, "input.1", {"model": "pretrained", "input": ["a", ""]}),
    (422, E, "input.0", {"model": "pretrained", "input": [["a"]]}),
    (422, E, "input.0", {"model": "pretrained", "input": [1, 2]}),
    (422, E, "input", {"model": "pretrained", "input": 33 * ["a"]}),
    (422, E, "input", {"model": "pretrained", "input": MEGABYTE * "a"}),
    (422, E, "input", {"model": "pretrained", "input": {"text": "a"}}),
    (422, E, "truncate", {"model": "pretrained", "input": "a", "truncate": "yes"}),
    (422, E, "normalize", {"model": "pretrained", "input": "a", "normalize": 1}),
    (422, E, "pooling", {"model": "pretrained", "input": "a", "pooling": "best"}),
    (422, E, "encoding_format", {"model": "pretrained", "input": "a", "encoding_format": "hex"}),
    (422, E, "dimensions", {"model": "pretrained", "input": "a", "dimensions": 0}),
    (422, E, "dimensions", {"model": "pretrained", "input": "a", "dimensions": -1}),
    (422, E, "dimensions", {"model": "pretrained", "input": "a", "dimensions": True}),
    (422, E, "dimensions", {"model": "pretrained", "input": "a", "dimensions": 9999}),
    (404, E, "model", {"model": "nobody", "input": "a"}),
    (404, E, "model", {"model": "/etc/passwd", "input": "a"}),
    (422, E, "model", {"input": "a"}),
    (422, E, "model", {"model": 1, "input": "a"}),
    (404, "/v1/fill-mask", "model", {"model": "classifier", "input": "[MASK]"}),
    (404, "/v1/predict", "model", {"model": "pretrained", "input": "a"}),
    (404, "/v1/generate", "model", {"model": "pretrained", "input": "a"}),
    (422, "/v1/fill-mask", "input.0", {"model": "pretrained", "input": "no blank"}),
    (422, "/v1/fill-mask", "input.0", {"model": "pretrained", "input": 11 * "[MASK] "}),
    (422, "/v1/fill-mask", "top_k", {"model": "pretrained", "input": "[MASK]", "top_k": 0}),
    (422, "/v1/fill-mask", "top_k", {"model": "pretrained", "input": "[MASK]", "top_k": -1}),
    (422, "/v1/fill-mask", "top_k", {"model": "pretrained", "input": "[MASK]", "top_k": 10**9}),
    (422, "/v1/fill-mask", "top_k", {"model": "pretrained", "input": "[MASK]", "top_k": "5"}),
    (422, "/v1/fill-mask", "top_k", {"model": "pretrained", "input": "[MASK]", "top_k": True}),
    (
        422,
        "/v1/fill-mask",
        "top_k",
        {"model": "pretrained", "input": 10 * "[MASK]" + 5_000 * "a ", "top_k": 100},
    ),
    (422, E, None, {"model": "pretrained", "input": "a", **{str(number): 1 for number in range(100)}}),
    (422, E, "x" * 59 + "…", {"model": "pretrained", "input": "a", "x" * 1000: 1}),
    (422, "/v1/predict", "input.1", {"model": "pairs", "input": [PAIR, "one text"]}),
    (422, "/v1/predict", "input.0", {"model": "pairs", "input": "one text"}),
    (422, "/v1/predict", "input.0", {"model": "classifier", "input": {"text": "a", "text_pair": "b"}}),
    (422, "/v1/predict", "input.0", {"model": "classifier", "input": {"words": ["a"]}}),
    (422, "/v1/predict", "input.0", {"model": "classifier", "input": {}}),
    (422, "/v1/predict", "input.label", {"model": "classifier", "input": {"text": "a", "label": "b"}}),
    (422, "/v1/predict", "input.0", {"model": "tag", "input": {"text": "a", "text_pair": "b"}}),
    (422, "/v1/predict", "input.words.1", {"model": "tag", "input": {"words": ["a", ""]}}),
    (422, "/v1/predict", "input.0", {"model": "tag", "input": {"words": 300 * [100 * "a"]}}),
    (422, "/v1/predict", "input.0", {"model": "answer", "input": {"question": "who ?"}}),
    (422, "/v1/predict", "input.choices", {"model": "choose", "input": {"question": "a", "choices": ["b"]}}),
    (422, "/v1/next-sentence", "input.text_pair", {"model": "pretrained", "input": {"text": "a"}}),
    (
        422,
        "/v1/next-sentence",
        "input.1",
        {"model": "pretrained", "input": [{"text": "a", "text_pair": "b"}, "c"]},
    ),
    (422, "/v1/score", "input", {"model": "pretrained", "input": 32 * [9_000 * "ab "[:2]]}),
    (422, "/v1/generate", "top_p", {"model": "left-to-right", "input": "a", "top_p": 0}),
    (422, "/v1/generate", "max_tokens", {"model": "left-to-right", "input": "a", "max_tokens": 10_000}),
    (422, "/v1/generate", "max_tokens", {"model": "left-to-right", "input": "a", "max_tokens": 100}),
    (422, "/v1/generate", "seed", {"model": "left-to-right", "input": "a", "seed": -1}),
]


@pytest.mark.parametrize(("status", "address", "param", "body"), CASES, ids=lambda value: str(value)[:70])
def test_what_is_asked_wrongly(
    served: Running, status: int, address: str, param: str | None, body: dict[str, Any]
) -> None:
    found, error = served.refusal(address, **body)
    assert (found, error["param"]) == (status, param), error
    assert len(error["message"]) <= 300


def test_texts_that_are_long_to_read_are_read_quickly(served: Running) -> None:
    """Nothing here is quadratic: a body of the largest size, made of what others stumble over."""
    for unit in ("a", "\u0301", ". ", "ä", "한", "\U0001f469\u200d", "[MASK]"):
        texts = [(20_000 // len(unit)) * unit for _ in range(4)]
        begun = time.process_time()
        response = served.post(E, model="pretrained", input=["a" + text[:-1] for text in texts])
        assert response.status_code in (200, 422), response.text  # 422: more than is done in 30 s here
        assert time.process_time() - begun < 20, unit  # to read them; what is quadratic takes minutes


def test_special_tokens_in_a_text_are_text(served: Running) -> None:
    found = served.answers(E, model="pretrained", input=["[CLS] [SEP]", "a"])["usage"]["total_tokens"]
    assert found > 2 * 3


def test_nothing_that_was_asked_is_logged(served: Running, capfd: pytest.CaptureFixture[str]) -> None:
    secret = "${jndi:x} %s \x1b[31m geheim"
    served.answers(E, model="pretrained", input=secret)
    served.refusal("/v1/fill-mask", model="pretrained", input=secret)
    served.client.get("/geheim", headers={"User-Agent": "geheim"})
    raw(served, b"geheim\r\n\r\n")
    told = capfd.readouterr()
    assert "geheim" not in told.out + told.err


def test_random_bytes_are_never_our_mistake(served: Running) -> None:
    """Requests with a few bytes changed: no 5xx, and the server goes on."""
    chance = random.Random(20)
    good = post(served, GOOD)
    answered = 0
    for _ in range(300):
        request = changed(good, chance)
        status, answer = raw(served, request, leave=True)
        assert status < 500, (request, answer)
        assert b"Traceback" not in answer
        answered += status != 0
    assert answered > 100, "most changes break a request, and that is told"
    assert raw(served, good)[0] == 200


def test_the_page_and_its_files(served: Running) -> None:
    for address, media in {
        "/": "text/html",
        "/page.js": "text/javascript",
        "/page.css": "text/css",
        "/icon.svg": "image/svg+xml",
    }.items():
        response = served.client.get(address)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(media)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert not any(name.startswith("access-control") for name in response.headers)
    page = served.client.get("/").text
    assert "http:" not in page.replace("http://www.w3.org", "") and "https:" not in page
    assert " style=" not in page and "<script>" not in page and " onclick" not in page


def test_the_description(served: Running) -> None:
    told = served.client.get("/openapi.json").json()
    assert {path for path in told["paths"] if path.startswith("/v1")} == {
        "/v1/embeddings",
        "/v1/predict",
        "/v1/fill-mask",
        "/v1/next-sentence",
        "/v1/score",
        "/v1/generate",
        "/v1/models",
        "/v1/models/{name}",
    }
    body = told["components"]["schemas"]["FillMaskRequest"]
    assert body["properties"]["top_k"] == {
        "default": 5,
        "maximum": 100,
        "minimum": 1,
        "title": "Top K",
        "type": "integer",
    }
    assert body["additionalProperties"] is False


def test_openai_like_clients_ask_so(served: Running) -> None:
    body = {"model": "pretrained", "input": ["a", "b"], "encoding_format": "base64", "user": "me"}
    headers = {"Authorization": "Bearer anything"}
    response = served.client.post(E, json=body, headers=headers)
    assert response.status_code == 200
    assert isinstance(response, httpx.Response)
    assert [one["object"] for one in response.json()["data"]] == ["embedding", "embedding"]
