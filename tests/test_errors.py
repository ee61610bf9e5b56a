"""Messages: one line, cut, escaped; the tree as it is drawn."""

from __future__ import annotations

import inspect
import re

import bertwright.errors as errors
from bertwright.errors import BertwrightError, InputError, did_you_mean, encodable, escaped, quote, shortened


def test_messages_are_one_short_line() -> None:
    problem = InputError.at("a\nb.txt", "a label", "x\x1b[31m" * 50, line=3, field="label", hint="quote it")
    assert "\n" not in problem.message
    assert "\x1b" not in problem.message
    assert problem.message.startswith("a\\nb.txt:3: label: expected a label, got")
    assert problem.message.endswith("(quote it)")
    assert len(InputError("x" * 5000).message) <= 300


def test_quote() -> None:
    assert quote("a\tb") == '"a\\tb"'
    assert quote(5) == "5"
    assert len(quote("y" * 500)) == 62


def test_escaped_and_shortened() -> None:
    assert escaped("a\x1b[2J\n\udcff é 文") == "a\\x1b[2J\\n\\udcff é 文"
    assert escaped("a\n\x07", keep="\n") == "a\n\\x07"
    assert (shortened("abcd", 4), shortened("abcde", 4)) == ("abcd", "abc…")


def test_encodable() -> None:
    assert encodable("tr\udcff.tsv \x1b é 文") == "tr\\udcff.tsv \x1b é 文"


def test_did_you_mean() -> None:
    assert did_you_mean("COAL", ["CoLA", "MRPC"]) == " (did you mean CoLA?)"
    assert did_you_mean("learning_rte", ["learning_rate", "layer_decay"]) == " (did you mean learning_rate?)"
    assert did_you_mean("x", ["learning_rate"]) == did_you_mean("x", []) == ""


def test_the_drawn_tree_is_the_real_one() -> None:
    drawn = re.findall(r"[├└]── (\w+)", inspect.getdoc(errors) or "")
    real = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, BertwrightError) and value is not BertwrightError
    ]
    assert sorted(drawn) == sorted(real)
    assert len(drawn) == 18
