"""JSON that is refused, and how."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertwright import strict_json
from bertwright.errors import InputError, TableError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_round_trip(value: object) -> None:
    assert strict_json.parse(json.dumps(value), "x") == value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": 1, "a": 2}', "each key once"),
        (b'{"a": NaN}', "finite numbers"),
        (b"[-Infinity]", "finite numbers"),
        (b'{"a": 1e400}', 'finite numbers, got "1e400"'),
        (b"[-2.5E+999]", "finite numbers"),
        (b"[" * 100_000, "nested at most 64 deep"),
        (b"", "JSON"),
        (b"{} x", "Extra data"),
        (b'{"a": 1 // no\n}', "JSON"),
        ("{}".encode("utf-16"), "byte order mark"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'"\xff"', "byte 0xff at offset 1"),
        (b"1" * 5000, "JSON"),
        (b" " * (1 << 21), "at most"),
    ],
)
def test_refused(data: bytes, message: str) -> None:
    with pytest.raises(TableError, match=message):
        strict_json.parse(data, "f.json", error=TableError)


def test_brackets_inside_strings_do_not_nest() -> None:
    assert strict_json.parse(json.dumps("[" * 500 + '"\\'), "x") == "[" * 500 + '"\\'


def by_walking(text: str) -> int:
    """How deep brackets outside of strings nest, a character after the other."""
    depth = deepest = 0
    characters = iter(text)
    for character in characters:
        if character == '"':  # to the end of the string
            for inner in characters:
                if inner == "\\":
                    next(characters, "")
                elif inner == '"':
                    break
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


@given(st.text('[]{}"\\a\n', max_size=60))
def test_depth_of_any_text(text: str) -> None:
    deep = "[" * (strict_json.MAX_DEPTH + 1) + text
    assert strict_json._depth(deep) == by_walking(deep)


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_our_error(data: bytes) -> None:
    try:
        strict_json.parse(data, "x")
    except InputError as problem:
        assert "\n" not in problem.message


def test_load_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing there"):
        strict_json.load(tmp_path / "none.json")
    with pytest.raises(InputError, match="a directory"):
        strict_json.load(tmp_path)
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="a special file"):
        strict_json.load(tmp_path / "pipe.json")
    (tmp_path / "x.json").write_text('{"a":\n 1,}')
    with pytest.raises(InputError, match=r"x\.json:2"):
        strict_json.load(tmp_path / "x.json")


HALVES = ['"\\ud800"', '{"a": [["b", {"c": "x\\uDFff"}]]}', '{"\\ud83d": 1}']


@pytest.mark.parametrize("text", HALVES)
def test_half_of_a_surrogate_pair_is_refused_in_a_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(
        TableError, match=r"x\.json: expected JSON of Unicode text, got .the lone surrogate U\+D"
    ):
        strict_json.load(path, error=TableError)
    assert strict_json.lone_surrogate(strict_json.parse(text, "x")), "left to a reader that names the field"


def test_a_whole_surrogate_pair_is_a_character(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('["\\ud83d\\ude00", "\\\\ud800", 1, null, {"é": true}]')
    value = strict_json.load(path)
    assert value[:2] == ["😀", "\\ud800"] and strict_json.lone_surrogate(value) is None


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for length in range(90, 110):
        value = ["é" * (length // 2)]
        try:
            path.write_text(strict_json.dump_for(path, value, max_bytes=100))
        except InputError as problem:
            assert "x.json: expected at most 100 bytes of JSON to be written" in problem.message
            path.write_text(strict_json.dump(value))
            with pytest.raises(InputError, match="at most 100 bytes"):
                strict_json.load(path, max_bytes=100)
        else:
            assert strict_json.load(path, max_bytes=100) == value
