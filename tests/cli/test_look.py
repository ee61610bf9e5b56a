"""``bertwright look``: the page, the figures, what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_checker import Checker


def test_page_and_json(command, pretrained_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file, output = tmp_path / "texts.txt", tmp_path / "look.html"
    file.write_text("a dark house by the sea\nthe <b>old</b> man\n")
    texts = ("the old man saw the sea .", "good <b>sea</b> 银行 ||| a sea")
    answer = command(
        "look", pretrained_folder, *texts, "--word", "sea", "--file", file, "-o", output, "--json"
    )
    assert answer.code == 0 and answer.err == ""
    found = answer.json
    assert len(found["texts"]) == 2 and found["measured_rows"] == 2
    assert len(found["heads"]["previous"]["values"]) == 3
    assert len(found["words"]["occurrences"]) == 3 and len(found["words"]["neighbours"][0]) == 4
    page, checker = output.read_text(encoding="utf-8"), Checker()
    checker.feed(page)
    assert checker.open == [] and "script" not in checker.tags and checker.tags["b"] == 0
    assert all(address.startswith("data:image/png;base64,") for address in checker.outside)
    assert not [name for name, count in checker.ids.items() if count > 1]
    assert not re.findall(r"https?://(?!www\.w3\.org/)", page)
    assert "To the token before" in checker.text and "Nearest to “sea” in place 3" in checker.text
    again = command("look", pretrained_folder, *texts, "-o", output)
    assert again.code == 2 and "output exists already" in again.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected texts, or a file of texts, got neither"),
        (("the sea", " "), "text 2: expected at least one word"),
        (("the sea", "--word", "house"), 'whole word, got "house"'),
        (("--file", "{folder}/absent"), "absent: expected"),
    ],
)
def test_refused(
    arguments: tuple[str, ...], message: str, command, pretrained_folder: Path, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    given = [argument.format(folder=tmp_path) for argument in arguments]
    answer = command("look", pretrained_folder, *given, "-o", tmp_path / "look.html")
    assert answer.code == 2 and message in answer.err and answer.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_same_page_each_time(command, pretrained_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name in ("one.html", "two.html"):
        assert command("look", pretrained_folder, "the sea", "-o", tmp_path / name).code == 0
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_long_text_is_cut_and_that_is_said(command, pretrained_folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    answer = command("look", pretrained_folder, "the sea " * 30, "-o", tmp_path / "look.html")
    assert (answer.code, answer.err) == (0, "warning: text 1 is longer than 40 pieces and was cut\n")
