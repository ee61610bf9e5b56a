"""`bertwright demo`: a wrong request loses nothing, and the whole story on a small text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_corpora import tree

from bertwright import strict_json
from bertwright.cli.demo import what_next
from bertwright.demo import adaptation
from bertwright.demo.folder import MARKER
from bertwright.demo.labelled_task import DEV_EACH, TEST_EACH, TRAIN_EACH
from bertwright.demo.story import DemoPlan
from bertwright.pretraining.filled_blank import FilledBlank

DOCUMENT = "It was night. The sea was dark and long.\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands run, with texts of every kind and an earlier demo, in which the user put a text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.txt").write_text("\n".join([DOCUMENT] * 8))
    (tmp_path / "one.txt").write_text(DOCUMENT)
    (tmp_path / "three.txt").write_text("\n".join([DOCUMENT] * 3))
    (tmp_path / "no-text.jsonl").write_text('{"body": "It was night."}\n')
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "good.txt").write_text("\n".join([DOCUMENT] * 8))
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    (earlier / MARKER).touch()
    (earlier / "report.html").write_text("eight minutes of work")
    (earlier / "mine.txt").write_text("\n".join([DOCUMENT] * 8))
    return tmp_path


def everything(folder: Path) -> tuple[list[Path], dict[str, bytes]]:
    """Names, of folders too, and bytes."""
    return sorted(folder.rglob("*")), tree(folder)


def refuses(command, line: str, says: str, folder: Path) -> None:  # type: ignore[no-untyped-def]
    """By exit code and line, and nothing in ``folder`` changes."""
    before = everything(folder)
    answer = command("demo", *line.split())
    assert answer.code == 2
    assert says in answer.err
    assert everything(folder) == before


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--corpus typo.txt", "typo.txt: expected a corpus file, got nothing there"),
        ("--corpus earlier/mine.txt", "an output that does not hold what is read"),
        ("--corpus good.txt --size 4", "--size: expected 6 to"),
        ("--corpus good.txt --budget soon", "budget: expected a duration such as 30m"),
        ("--corpus good.txt --budget 0", "budget: "),
        ("--corpus one.txt", "expected at least two documents"),
        ("--corpus three.txt", "to train on and to hold out, got 3"),
        ("--corpus no-text.jsonl", "no-text.jsonl:1: "),
        ("--corpus texts good.txt typo", "typo: expected a corpus file"),
    ],
)
def test_a_wrong_request_loses_nothing(line: str, says: str, folder: Path, command) -> None:  # type: ignore[no-untyped-def]
    for more in ("--output earlier --overwrite", "--output new"):
        if not (more.endswith("new") and "earlier" in line):
            refuses(command, f"{line} {more}", says, folder)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--corpus good.txt -o earlier", "output exists already (give --overwrite"),
        ("--corpus good.txt -o texts --overwrite", "it is not an output of this command"),
        ("--corpus texts -o texts/new", "expected an output outside the input"),
        ("--corpus good.txt -o none/new", "its parent directory does not exist"),
    ],
)
def test_wrong_outputs(line: str, says: str, folder: Path, command) -> None:  # type: ignore[no-untyped-def]
    refuses(command, line, says, folder)


def documents() -> Iterator[str]:
    """Two long ones, whose first line has a blank where their title is cut, and some more."""
    for number, word in enumerate(("sea", "house")):
        yield f"The {number}. chapter of the book is all about the {word} and the night\n" + "".join(
            f"The {word} of the day {n} was long. She went to the {word} {n} and saw that it was never dark. "
            f"He said {n} that the {word} is old and that they talk of it.\n"
            for n in range(TRAIN_EACH + DEV_EACH + TEST_EACH)
        )
    for _ in range(6):
        yield DOCUMENT * 3


def test_the_whole_story_in_place_of_an_earlier_one(  # type: ignore[no-untyped-def]
    folder: Path, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = adaptation.FROZEN.features.model_copy(update={"epochs": 1})
    monkeypatch.setattr(adaptation, "FROZEN", adaptation.FROZEN.model_copy(update={"features": once}))
    monkeypatch.setattr(adaptation, "SETTINGS", adaptation.SETTINGS.model_copy(update={"epochs": 1}))
    (folder / "book.txt").write_text("\n".join(documents()))
    line = "demo --corpus book.txt -o earlier --overwrite --size 200 --budget 1s --seeds 1 --json"
    answer = command(*line.split())
    assert answer.code == 0, answer.err
    ways = answer.json["adaptation"]
    assert len(ways) == 4 and ways[adaptation.MAJORITY] == [0.5]
    made = folder / "earlier"
    assert {path.name for path in made.iterdir()} == {
        MARKER,
        "corpus.txt",
        "vocabulary",
        "store",
        "run",
        "task",
        "report.html",
    }
    assert "1: The 0. chapter of the book is all about" in (made / "report.html").read_text()
    judged = [
        strict_json.parse(line, made) for line in (made / "task" / "test.jsonl").read_text().splitlines()
    ]
    assert len(judged) == 2 * TEST_EACH
    corpus = (made / "corpus.txt").read_text()
    assert not [row["text"] for row in judged if row["text"] in corpus]
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def filled(before: str, after: str) -> FilledBlank:
    return FilledBlank(before, "it", after, (("it", 1.0),))


def next_commands(plan: DemoPlan, blanks: list[FilledBlank]) -> list[list[str]]:
    shown = what_next(plan, plan.output / "report.html", blanks).split("Go on:\n")[1]
    return [shlex.split(line, comments=True) for line in shown.splitlines()]


def test_the_commands_at_the_end_are_of_that_text(tmp_path: Path) -> None:
    long, short = filled("a long sentence that asks for", "in the end"), filled("don't", "!")
    fill = ["bertwright", "fill-mask", "my demo/run/model"]
    own = DemoPlan(Path("my demo"), (tmp_path,))
    lines = next_commands(own, [long, short])
    assert [*fill, "don't [MASK] !"] in lines
    assert not [line for line in lines if line[1] in ("demo",)]
    assert not [line for line in next_commands(own, []) if "fill-mask" in line]
    lines = next_commands(DemoPlan(Path("my demo")), [long, short])
    assert [*fill, "Return the [MASK] of the array."] in lines
    assert lines[-1][:2] == ["bertwright", "demo"]


def test_the_commands_at_the_end_can_be_typed_in_that_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/activate").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert next_commands(DemoPlan(Path("demo")), [])[0] == [".", ".venv/bin/activate"]
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert next_commands(DemoPlan(Path("demo")), [])[0][0] == "bertwright"
