"""Options that are numbers, and that every command uses these types for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import cyclopts
import pytest

from bertwright.cli.app import COMMANDS, build
from bertwright.cli.arguments import Count, Real, Share, Whole

WHOLE_REFUSED = ("-1", "+1", "1.0", "1e3", "1_0", "inf", "nan", " 1", "x", "²", "0x1")
REAL_REFUSED = ("inf", "-inf", "nan", "1_0", "x", "1e400", "١", "")


def parsed(kind: object, *tokens: str) -> object:
    app = cyclopts.App(result_action="return_value")

    def take(*, value: object) -> object:
        return value

    take.__annotations__ = {"value": kind}
    app.default(take)
    return app(tokens, exit_on_error=False, print_error=False)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Whole, "0", 0),
        (Whole, "0012", 12),
        (Count, "1", 1),
        (Real, "1e-4", 1e-4),
        (Real, "-2.5", -2.5),
        (Share, "1", 1.0),
    ],
)
def test_numbers_that_are_taken(kind: object, text: str, value: float) -> None:
    assert parsed(kind, "--value", text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((kind, text) for kind in (Whole, Count) for text in WHOLE_REFUSED),
        (Count, "0"),
        *((kind, text) for kind in (Real, Share) for text in REAL_REFUSED),
        *((Share, text) for text in ("1.0001", "-0.1", "2")),
    ],
)
def test_numbers_that_are_refused(kind: object, text: str) -> None:
    with pytest.raises(cyclopts.CycloptsError):
        parsed(kind, f"--value={text}")


def test_no_command_takes_a_bare_number() -> None:
    """`int` and `float` accept 1_000 and inf: every option that is a number uses the types above."""
    found, bare = 0, []
    for command, argument in options():
        if {int, float} & {argument.hint, *get_args(argument.hint)}:
            found += 1
            if argument.parameter.converter is None:
                bare.append(f"{command} {argument.name}")
    assert bare == []
    assert found >= 20


def test_the_column_of_the_texts_has_one_name() -> None:
    """`--text`, and where it was once called otherwise that still works."""
    earlier = {
        (command, name)
        for command, argument in options()
        for name in ("--text-field", "--text-column")
        if name in argument.names and argument.names[0] == "--text"
    }
    fields = {(command, "--text-field") for command in ("vocab", "prepare", "doctor")}
    assert earlier == fields | {("look", "--text-column")}


def options() -> Iterator[tuple[str, cyclopts.Argument]]:
    app = build()
    for name in COMMANDS:
        commands = (
            [app[name]] if name != "config" else [app[name][sub] for sub in ("show", "check", "schema")]
        )
        for command in commands:
            for argument in command.assemble_argument_collection():
                yield name, argument
