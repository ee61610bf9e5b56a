"""Varints and protocol buffers: the examples of their documentation, there and back, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright.checkpoints.tensorflow.wire import (
    Message,
    Reader,
    bytes_field,
    fixed32_field,
    number_field,
    varint,
)
from bertwright.errors import ModelError

PATH = Path("x.index")


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (150, "9601"),
        (300, "ac02"),
        (2**64 - 1, "ff" * 9 + "01"),
    ],
)
def test_varints_by_hand(value: int, encoded: str) -> None:
    assert varint(value).hex() == encoded
    assert Reader(bytes.fromhex(encoded), PATH).varint() == value


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_varints_there_and_back(values: list[int]) -> None:
    reader = Reader(b"".join(map(varint, values)), PATH)
    assert [reader.varint() for _ in values] == values
    assert reader.done()


@pytest.mark.parametrize("encoded", ["ff" * 9 + "02", "80" * 12, "ff" * 10 + "01", "8000", "ac8200"])
def test_numbers_that_are_too_long(encoded: str) -> None:
    with pytest.raises(ModelError, match="at most 64 bits"):
        Reader(bytes.fromhex(encoded), PATH).varint()


@pytest.mark.parametrize("encoded", ["", "80", "ffff"])
def test_numbers_that_are_cut(encoded: str) -> None:
    with pytest.raises(ModelError, match="1 more bytes"):
        Reader(bytes.fromhex(encoded), PATH).varint()


def test_the_examples_of_the_documentation() -> None:
    assert Message(bytes.fromhex("089601"), PATH).number(1) == 150
    assert Message(bytes.fromhex("120774657374696e67"), PATH).messages(2) == [b"testing"]
    assert Message(bytes.fromhex("1a03089601"), PATH).message(3).number(1) == 150
    assert number_field(1, 150) == bytes.fromhex("089601")
    assert bytes_field(2, b"testing") == bytes.fromhex("120774657374696e67")
    assert fixed32_field(6, 0x01020304) == bytes.fromhex("3504030201")


def test_absent_fields_have_defaults_and_the_last_of_several_counts() -> None:
    message = Message(number_field(1, 4) + number_field(1, 7), PATH)
    assert message.number(1) == 7
    assert message.number(2) == 0
    assert message.message(3).number(1) == 0
    assert 1 in message and 2 not in message
    assert number_field(1, 0) == fixed32_field(1, 0) == b""
    assert bytes_field(1, b"") == b"\x0a\x00"


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        ("0b", "wire type 3"),
        ("0f", "wire type 7"),
        ("0a05aa", "5 more bytes"),
        ("0aff01", "255 more bytes"),
        ("0d0102", "4 more bytes"),
    ],
)
def test_what_is_no_message(encoded: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Message(bytes.fromhex(encoded), PATH)


def test_fields_of_another_type() -> None:
    with pytest.raises(ModelError, match="a number of 0 or more in field 1"):
        Message(bytes_field(1, b"a"), PATH).number(1)
    with pytest.raises(ModelError, match="a number of 0 or more in field 1"):
        Message(number_field(1, 2**63), PATH).number(1)  # -2**63
    with pytest.raises(ModelError, match="bytes in field 1"):
        Message(number_field(1, 3), PATH).message(1)
