"""Layers by name, number and slice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.errors import UsageError
from bertwright.features.layers import CHOICES, layer_choice, select_layers


def test_table_7_by_hand() -> None:
    found = {name: (layer_choice(name, 12).layers, layer_choice(name, 12).joining) for name in CHOICES}
    assert found == {
        "embeddings": ((0,), "single"),
        "second-to-last": ((11,), "single"),
        "last": ((12,), "single"),
        "weighted-sum-last-four": ((9, 10, 11, 12), "weighted"),
        "concat-last-four": ((9, 10, 11, 12), "concat"),
        "weighted-sum-all": (tuple(range(1, 13)), "weighted"),
        "weighted-sum-with-embeddings": (tuple(range(13)), "weighted"),
    }
    assert layer_choice("concat-last-four", 12).width(768) == 3072
    assert layer_choice("weighted-sum-all", 12).width(768) == 768
    assert all(layer_choice(name, 12).remark is None for name in CHOICES)


def test_shallow_networks_give_what_they_have_and_say_so() -> None:
    choice = layer_choice("concat-last-four", 2)
    assert choice.layers == (1, 2)
    assert choice.remark == "concat-last-four: the network has 2 layers, and all of them are taken"
    assert layer_choice("second-to-last", 1).layers == (0,)
    selection = select_layers("-4:", 3)
    assert (selection.layers, selection.names) == ((1, 2, 3), (-3, -2, -1))
    assert selection.remark == "layers: -4: is more than the network's 3 layers: all of them are taken"


@pytest.mark.parametrize(
    ("text", "layers", "names"),
    [
        ("-4:", (9, 10, 11, 12), (-4, -3, -2, -1)),
        ("-4:-2", (9, 10), (-4, -3)),
        ("-4:11", (9, 10), (-4, -3)),
        ("-1,-2, -3", (12, 11, 10), (-1, -2, -3)),
        ("0", (0,), (0,)),
        ("last", (12,), (12,)),
        ("second-to-last", (11,), (11,)),
        ("embeddings", (0,), (0,)),
        (":2", (0, 1), (0, 1)),
        ("1:-10", (1, 2), (1, 2)),
        (":", tuple(range(13)), tuple(range(13))),
    ],
)
def test_selections(text: str, layers: tuple[int, ...], names: tuple[int, ...]) -> None:
    selection = select_layers(text, 12)
    assert (selection.layers, selection.names, selection.remark) == (layers, names, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected numbers such as"),
        ("13", "expected -12 to 12"),
        ("-13", "expected -12 to 12"),
        ("1,-12", "expected each layer once"),
        ("5:5", "is empty in a network of 12 layers"),
        ("1:2:3", "expected a slice"),
        ("a:", "expected a slice"),
        ("weighted-sum-all", "expected numbers such as"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        select_layers(text, 12)
    with pytest.raises(UsageError, match="layers: expected one of embeddings"):
        layer_choice(text + "?", 12)


@given(st.integers(1, 24), st.integers(1, 30))
def test_negative_slices_are_the_highest_layers(depth: int, wanted: int) -> None:
    layers = select_layers(f"-{wanted}:", depth).layers
    assert layers == tuple(range(1, depth + 1))[-wanted:]
