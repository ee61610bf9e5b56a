"""Weights of 8 bits: by hand, by property, and one layer against the definition."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bertwright.export.graph import Graph
from bertwright.export.operations import WEIGHT_RANGE, FloatOperations, Int8Operations, rounded
from bertwright.model.config import BertConfig

CONFIG = BertConfig(
    vocab_size=9,
    hidden_size=4,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=4,
    max_position_embeddings=8,
)


def test_by_hand() -> None:
    """The largest of a row becomes the largest number; a half goes to the even one; zeros stay."""
    weight = np.array([[6.4, -3.2, 0.05, 0.15], [0, 0, 0, 0], [-1, 0.5, 1, 0.25]], np.float32)
    numbers, scales = rounded(weight, 64)
    np.testing.assert_allclose(scales, [0.1, 1, 1 / 64], rtol=1e-6)
    assert numbers.tolist() == [[64, -32, 0, 2], [0, 0, 0, 0], [-64, 32, 64, 16]]
    assert numbers.dtype == np.int8


@given(
    weight=arrays(
        np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.floats(-8, 8, width=16)
    ),
    largest=st.sampled_from([64, 127]),
)
def test_within_half_a_step(weight: np.ndarray, largest: int) -> None:
    numbers, scales = rounded(weight, largest)
    assert np.abs(numbers.astype(int)).max() <= largest
    back = numbers * scales[:, None].astype(np.float64)
    assert (np.abs(back - weight) <= scales[:, None] * 0.5001 + 1e-7).all()


def layer(
    operations: type[FloatOperations], weight: np.ndarray, bias: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """One linear layer, asked."""
    graph = Graph()
    for name in ("input_ids", "attention_mask"):
        graph.input(name, ("batch", "length"))
    made = operations(graph, CONFIG, "input_ids", "attention_mask")
    graph.output("result", made.linear(graph.constant("rows", rows), "layer", weight, bias), ("t", len(bias)))
    session = onnxruntime.InferenceSession(
        graph.finished("one layer", {}), providers=["CPUExecutionProvider"]
    )
    asked = {name: np.ones((1, 2), np.int64) for name in ("input_ids", "attention_mask")}
    return session.run(None, asked)[0]  # type: ignore[no-any-return]


def defined(weight: np.ndarray, bias: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Dynamic quantization, written out: activations from 0 to 255 one scale, an exact zero."""
    numbers, scales = rounded(weight, WEIGHT_RANGE)
    low, high = min(rows.min(), 0), max(rows.max(), 0)
    scale = (high - low) / 255
    zero = np.clip(np.rint(-low / scale), 0, 255)
    small = np.clip(np.rint(rows / scale) + zero, 0, 255) - zero
    return small @ numbers.T.astype(np.float64) * scale * scales + bias  # type: ignore[no-any-return]


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 70),
    inputs=st.integers(1, 70),
    outputs=st.integers(1, 70),
)
@settings(deadline=None, max_examples=40)
def test_a_layer_is_what_its_definition_says(seed: int, count: int, inputs: int, outputs: int) -> None:
    random = np.random.default_rng(seed)
    weight, bias, rows = (
        random.normal(size=shape).astype(np.float32)
        for shape in ((outputs, inputs), (outputs,), (count, inputs))
    )
    found = layer(Int8Operations, weight, bias, rows)
    # A number that lies on a half may go either way: one step of the activations in one product.
    step = np.abs(rows).max() * 2 / 255 * np.abs(weight).max()
    np.testing.assert_allclose(found, defined(weight, bias, rows), atol=1.01 * step)
    np.testing.assert_allclose(layer(FloatOperations, weight, bias, rows), rows @ weight.T + bias, atol=1e-4)


def test_the_largest_products_do_not_overflow() -> None:
    """255 times 64 twice fits into 16 bits, where processors without VNNI add it up."""
    weight = np.ones((16, 64), np.float32)
    rows = np.ones((3, 64), np.float32)
    np.testing.assert_allclose(layer(Int8Operations, weight, np.zeros(16, np.float32), rows), 64, rtol=1e-5)
    assert 2 * 255 * WEIGHT_RANGE < 2**15


@pytest.mark.parametrize("padded", [False, True])
def test_words_of_8_bits(padded: bool) -> None:
    """A row of the table comes back within half a step of its own scale."""
    table = np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32)
    graph = Graph()
    for name in ("input_ids", "attention_mask"):
        graph.input(name, ("batch", "length"))
    made = Int8Operations(graph, CONFIG, "input_ids", "attention_mask")
    graph.output("result", made.words("input_ids", "table", table), ("batch", "length", 4))
    session = onnxruntime.InferenceSession(graph.finished("words", {}), providers=["CPUExecutionProvider"])
    ids = np.array([[0, 8, 3], [1, 1, 7]])
    mask = np.array([[1, 1, 1 - padded], [1, 1, 1]])
    found = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    assert (np.abs(found - table[ids]) <= np.abs(table[ids]).max(-1, keepdims=True) / 254 * 1.001).all()


def test_constants_that_nothing_reads_are_left_out() -> None:
    graph = Graph()
    graph.input("input_ids", ("batch", "length"))
    graph.constant("unused", np.zeros(1000, np.float32))
    graph.output("result", graph.cast("input_ids", "FLOAT"), ("batch", "length"))
    model = onnx.load_model_from_string(graph.finished("cast", {"made": "by a test"}))
    assert [constant.name for constant in model.graph.initializer] == []
    assert {entry.key: entry.value for entry in model.metadata_props} == {"made": "by a test"}
