"""Many requests: above what the server can do, and hostile ones."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import httpx
import numpy as np
import pytest
from serving.conftest import running
from serving.test_requests import GOOD, changed, post, raw
from small_models import WORDS

from bertwright.inference.model import Model
from bertwright.serving.limits import Limits

pytestmark = pytest.mark.slow


def test_every_answer_under_load_is_the_one_alone(models: dict[str, Model]) -> None:
    """Different texts from more clients than there is room for: no answer is wrong, lost or another's."""
    texts = [" ".join(words) for words in product(WORDS[:20], WORDS[20:32], WORDS[32:42])]
    alone = models["pretrained"].embed(texts)
    refused, wrong = [], []
    with running({"m": models["pretrained"]}, limits=Limits(waiting_requests=8)) as server:

        def client(numbers: range) -> None:
            with httpx.Client(base_url=server.server.url, timeout=60, trust_env=False) as mine:
                for number in numbers:
                    while True:
                        begun = time.monotonic()
                        response = mine.post("/v1/embeddings", json={"input": texts[number]})
                        if response.status_code == 200:
                            break
                        assert response.status_code == 429
                        refused.append(time.monotonic() - begun)
                        time.sleep(0.005)
                    found = np.array(response.json()["data"][0]["embedding"], np.float32)
                    if not np.allclose(found, alone[number], atol=1e-5):
                        wrong.append(number)

        with ThreadPoolExecutor(32) as pool:
            list(pool.map(client, [range(start, len(texts), 32) for start in range(32)]))
        room = server.server.served["m"].room
        assert (wrong, room.requests, room.tokens) == ([], 0, 0)
        assert refused, "it was never too much"
        # Loosely, since others use the machine; what waits for the model takes as long as an answer.
        assert sorted(refused)[len(refused) // 2] < 1.0


def test_hostile_bytes(models: dict[str, Model]) -> None:
    chance = random.Random(7)
    with running({"pretrained": models["pretrained"]}) as server:
        good = post(server, GOOD)
        for _ in range(10_000):
            request = changed(good, chance)
            status, answer = raw(server, request, leave=True)
            assert status < 500, (request, answer)
            assert b"Traceback" not in answer
        assert raw(server, good)[0] == 200
        assert server.client.get("/health/ready").status_code == 200
