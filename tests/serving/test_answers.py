"""What is answered is what the model answers when it is asked alone."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving.conftest import Running
from small_models import LABELS

from bertwright.inference.model import Model

TEXTS = ["The old man saw the sea.", "never", "A " + "very " * 60 + "long story", "[CLS] [SEP] \u202e ☃"]
PAIR = {"text": "He opened the door.", "text_pair": "The room was dark."}

NAMES = tuple(f'bertwright_batch_rows_{what}{{ability="embeddings"}}' for what in ("sum", "count"))
ROWS: dict[str, tuple[Any, Any]] = {
    "classifier": ("a fine film", "a fine film"),
    "pairs": (PAIR, (PAIR["text"], PAIR["text_pair"])),
    "tag": ({"words": ["old", "man"]}, ["old", "man"]),
    "answer": (
        {"question": "who saw it ?", "context": TEXTS[0]},
        {"question": "who saw it ?", "context": TEXTS[0]},
    ),
    "choose": (
        {"question": "the man", "choices": ["went", "sang"], "context": "long"},
        {"question": "the man", "choices": ["went", "sang"], "context": "long"},
    ),
}
"""For each task a row of a request, and the same for the model."""


def test_every_model_says_what_it_can(served: Running) -> None:
    told = {one["id"]: one for one in served.client.get("/v1/models").json()["data"]}
    assert {name: one["abilities"] for name, one in told.items()} == {
        "answer": ["embeddings", "predict"],
        "choose": ["embeddings", "predict"],
        "classifier": ["embeddings", "predict"],
        "left-to-right": ["embeddings", "score", "generate"],
        "pairs": ["embeddings", "predict"],
        "pretrained": ["embeddings", "fill-mask", "next-sentence", "score"],
        "tag": ["embeddings", "predict"],
    }
    assert told["classifier"]["task"] == {
        "kind": "classify",
        "labels": list(LABELS),
        "pairs": False,
        "problem_type": "single_label_classification",
    }
    assert told["pairs"]["task"]["pairs"] is True
    assert told["pretrained"]["task"] is None
    assert {one["dimensions"] for one in told.values()} == {48}


@pytest.mark.parametrize("name", ROWS)
def test_predictions(name: str, served: Running, models: dict[str, Model]) -> None:
    asked, row = ROWS[name]
    (expected,) = models[name].predict([row])
    for given_input in (asked, [asked]):
        found = served.answers("/v1/predict", model=name, input=given_input)
        assert found == {"model": name, "answers": [json.loads(json.dumps(expected.to_dict()))]}


def test_a_text_is_tagged_too(served: Running, models: dict[str, Model]) -> None:
    (expected,) = models["tag"].predict([TEXTS[0]])
    found = served.answers("/v1/predict", model="tag", input=TEXTS[0])["answers"][0]
    assert found == json.loads(json.dumps(expected.to_dict()))
    assert [TEXTS[0][start:end] for start, end in found["offsets"]] == found["words"]


def test_vectors(served: Running, models: dict[str, Model]) -> None:
    model = models["pretrained"]
    found = served.answers("/v1/embeddings", model="pretrained", input=TEXTS)
    assert [one["index"] for one in found["data"]] == [0, 1, 2, 3]
    assert [one["truncated"] for one in found["data"]] == [False, False, True, False]
    vectors = np.array([one["embedding"] for one in found["data"]], np.float32)
    np.testing.assert_array_equal(vectors, model.embed(TEXTS))
    tokens = sum(min(40, len(model.tokenizer.encode(text).ids) + 2) for text in TEXTS)
    assert found["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}

    packed = served.answers("/v1/embeddings", model="pretrained", input=TEXTS, encoding_format="base64")
    decoded = [np.frombuffer(base64.b64decode(one["embedding"]), "<f4") for one in packed["data"]]
    np.testing.assert_array_equal(np.array(decoded), vectors)

    joined = {"model": "pretrained", "input": TEXTS, "pooling": "mean", "dimensions": vectors.shape[1] + 1}
    status, error = served.refusal("/v1/embeddings", **joined)
    assert (status, error["param"]) == (422, "dimensions")

    unit = served.answers(
        "/v1/embeddings", model="pretrained", input=TEXTS, pooling="cls", normalize=True, dimensions=7
    )
    numbers = np.array([one["embedding"] for one in unit["data"]])
    whole = model.embed(TEXTS, "cls", normalize=True)[:, :7]
    assert numbers.shape == (4, 7)
    np.testing.assert_allclose(np.linalg.norm(numbers, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(numbers, whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-6)


def test_blanks(served: Running, models: dict[str, Model]) -> None:
    texts = ["the capital of [MASK] is paris", "[MASK] [MASK]"]
    found = served.answers("/v1/fill-mask", model="pretrained", input=texts, top_k=3)["answers"]
    for text, answer in zip(texts, found, strict=True):
        expected = models["pretrained"].fill_mask(text, top_k=3)
        assert [mask["position"] for mask in answer["masks"]] == [mask.position for mask in expected]
        for mask, known in zip(answer["masks"], expected, strict=True):
            assert [one["text"] for one in mask["candidates"]] == [one.text for one in known.candidates]
            shares = [one["probability"] for one in mask["candidates"]]
            assert shares == [one.probability for one in known.candidates]


def test_next_sentence_and_likelihood(served: Running, models: dict[str, Model]) -> None:
    model = models["pretrained"]
    found = served.answers("/v1/next-sentence", model="pretrained", input=[PAIR, PAIR])["answers"]
    alone = model.next_sentence(PAIR["text"], PAIR["text_pair"])
    assert found == 2 * [{"is_next": alone, "truncated": False, "question": "next"}]
    scored = served.answers("/v1/score", model="pretrained", input=TEXTS, per_token=True)
    assert scored["kind"] == "pseudo-log-likelihood"
    for answer, expected in zip(scored["answers"], model.score(TEXTS), strict=True):
        assert answer["log_probability"] == pytest.approx(expected.log_probability, abs=1e-4)
        assert answer["pieces"] == list(expected.tokens)
    assert served.answers("/v1/score", model="left-to-right", input="a")["kind"] == "log-likelihood"


def test_continuations_go_by_their_seed_and_not_by_the_others(
    served: Running, models: dict[str, Model]
) -> None:
    texts = ["the old man", "a dark"]
    options = {"max_tokens": 8, "top_p": 0.9, "seed": 5}
    expected = [text.to_dict() for text in models["left-to-right"].generate(texts, **options)]

    def ask(_: int) -> Any:
        return served.answers("/v1/generate", model="left-to-right", input=texts, **options)["answers"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(16))) == 16 * [expected]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=8))
def test_texts_that_are_asked_at_once_are_answered_as_alone(
    served: Running, models: dict[str, Model], texts: list[str]
) -> None:
    asked = [text for text in texts if text.strip()] or ["a"]
    alone = models["pretrained"].embed(asked)

    def ask(text: str) -> list[float]:
        answer = served.answers("/v1/embeddings", model="pretrained", input=text)
        numbers: list[float] = answer["data"][0]["embedding"]
        return numbers

    with ThreadPoolExecutor(8) as pool:
        found = np.array(list(pool.map(ask, asked)), np.float32)
    np.testing.assert_allclose(found, alone, atol=1e-5)


def test_many_clients_get_their_own_answers(served: Running, models: dict[str, Model]) -> None:
    """Different questions, in different orders, at the same time: no answer goes to a neighbour."""
    words = ["old", "man", "sea", "house", "door", "room", "dark", "light"]
    texts = [f"the {a} {b} was {c}" for a in words for b in words for c in ("good", "bad")]
    vectors = models["pretrained"].embed(texts)
    labels = [answer.to_dict() for answer in models["classifier"].predict(texts)]

    def ask(number: int) -> None:
        text = texts[number % len(texts)]
        if number % 2:
            found = served.answers("/v1/embeddings", model="pretrained", input=text)["data"][0]["embedding"]
            np.testing.assert_allclose(found, vectors[number % len(texts)], atol=1e-5)
        else:
            (answer,) = served.answers("/v1/predict", model="classifier", input=text)["answers"]
            assert answer["label"] == labels[number % len(texts)]["label"]

    before = {name: _figure(served, name) for name in NAMES}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(3 * len(texts))))
    together, batches = (_figure(served, name) - before[name] for name in NAMES)
    assert together == 3 * len(texts) / 2 > batches, "nothing was answered together"


def _figure(served: Running, name: str) -> float:
    lines = served.client.get("/metrics").text.splitlines()
    (value,) = [line.rpartition(" ")[2] for line in lines if line.startswith(name)]
    return float(value)
