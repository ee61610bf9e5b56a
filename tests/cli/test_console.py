"""What a terminal is shown: rates and times as people read them, and nothing that would steer it."""

from __future__ import annotations

import io

import pytest

from bertwright.cli.arguments import Common
from bertwright.cli.console import Console, amount, duration, pace, table

HOSTILE = "\x1b]0;pwned\x07\x1b[2J"
"""Renames a terminal's window and clears it."""


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(0.0, "0"), (0.2149, "0.21"), (3.26, "3.3"), (9.99, "10"), (10.4, "10"), (51234.5, "51,234")],
)
def test_a_slow_rate_is_no_zero(rate: float, shown: str) -> None:
    assert amount(rate) == shown


@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (0.0, "0 a second"),
        (0.1, "0.1 a second"),
        (0.05, "3 a minute"),
        (1 / 7, "0.14 a second"),
        (0.0061, "22 an hour"),
    ],
)
def test_the_unit_of_a_rate(rate: float, shown: str) -> None:
    assert pace(rate) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (119.4, "119 s"), (120, "2 min"), (3669, "61 min"), (32707, "9.1 h")]
)
def test_time_left(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Console(Common()) as console:
        console.say(HOSTILE)
        console.warn(HOSTILE)
        cells = table(HOSTILE, [HOSTILE], [[HOSTILE]])
        console.result({}, [f"two\nlines, and\ta tab {HOSTILE}", cells])
    out, err = capsys.readouterr()
    assert not {"\x1b", "\x07"} & {*out, *err}
    shown = "\\x1b]0;pwned\\x07\\x1b[2J"
    assert (out.count(shown), err.count(shown)) == (4, 2)
    assert out.startswith("two\nlines, and")


@pytest.mark.parametrize("text", ["می\u200cخواهم", "全角\u3000空白", "10\u00a0%", "😀"])
def test_scripts_keep_their_spaces_and_joiners(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Console(Common()) as console:
        console.result({}, text)
    assert capsys.readouterr().out == text + "\n"


@pytest.mark.parametrize("name", ["out[v2]", "out[/v2]", "out[bold]"])
def test_brackets_in_a_path_are_no_markup(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Console(Common()) as console:
        console.result({}, table(f"token store {name}", [name], [[name]]))
    assert capsys.readouterr().out.count(name) == 3


@pytest.mark.parametrize("name", ["out[v2]", "out[/v2]"])
def test_brackets_in_a_bar_are_no_markup(name: str) -> None:
    from rich.console import Console as RichConsole

    from bertwright.cli.console import _bars

    terminal = RichConsole(file=io.StringIO(), force_terminal=True, width=120)
    bars = _bars(terminal)
    bars.add_task(f"reading {name}", total=2, unit="rows", note=name)
    with terminal.capture() as captured:
        terminal.print(bars.get_renderable())
    assert captured.get().count(name) == 2
