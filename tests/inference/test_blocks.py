"""Work in blocks: interrupted anywhere and resumed, the bytes are those of the unbroken run."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bertwright.errors import (
    BertwrightError,
    Interrupted,
    OutputExistsError,
    ResumeError,
    RunError,
    UsageError,
)
from bertwright.inference.blocks import BlockAnswer, Blocks, check_count, check_input
from bertwright.progress import Progress, Silent

REQUEST = {"model": "abc", "column": None}


class Stop(Exception):
    """Something that goes wrong on the way."""


def work(
    output: Path,
    rows: Sequence[int],
    size: int = 3,
    *,
    stop_at: int | None = None,
    error: type[BaseException] = Stop,
    request: dict[str, object] | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> list[int]:
    """Write the squares of ``rows``, but go wrong before the block that begins at row ``stop_at``.

    Gives the starts of the blocks that were computed.
    """
    computed: list[int] = []

    def answer(start: int, block: list[int], _told: Progress) -> BlockAnswer:
        if start == stop_at:
            raise error()
        computed.append(start)
        text = "".join(f"{row * row}\n" for row in block)
        return BlockAnswer({"txt": text.encode()}, {"odd": sum(row % 2 for row in block)})

    blocks = Blocks(output, request or REQUEST, size)
    with blocks.open(resume=resume, overwrite=overwrite):
        blocks.fill(rows, answer, Silent())
        assert blocks.rows == len(rows)
        assert blocks.total("odd") == sum(row % 2 for row in rows)
        output.write_bytes(b"".join(blocks.read("txt")))
    return computed


def test_unbroken(tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert work(output, range(8)) == [0, 3, 6]
    assert output.read_text().split() == ["0", "1", "4", "9", "16", "25", "36", "49"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 20), size=st.integers(1, 7), stops=st.lists(st.integers(0, 20), max_size=4))
def test_resumed_any_number_of_times(
    tmp_path_factory: pytest.TempPathFactory, count: int, size: int, stops: list[int]
) -> None:
    output = tmp_path_factory.mktemp("blocks") / "out"
    computed: list[int] = []
    for stop in sorted(stops):
        start = stop // size * size
        if start < count:
            with pytest.raises(Stop):
                work(output, range(count), size, stop_at=start, resume=True)
    computed = work(output, range(count), size, resume=True)
    done = max((stop // size * size for stop in stops if stop // size * size < count), default=0)
    assert computed == list(range(done, count, size))  # nothing was computed twice
    assert output.read_text() == "".join(f"{row * row}\n" for row in range(count))
    assert [path.name for path in output.parent.iterdir()] == ["out"]


def test_nothing_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        work(tmp_path / "out", range(8), stop_at=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, lambda: Interrupted(15)])
def test_signals_say_how_to_go_on(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(Interrupted, match="3 rows are done and kept, --resume goes on from there") as caught:
        work(tmp_path / "out", range(8), stop_at=3, error=error)
    assert caught.value.exit_code == (130 if error is KeyboardInterrupt else 143)
    assert work(tmp_path / "out", range(8), resume=True) == [3, 6]


def test_unfinished_work_is_not_thrown_away_unasked(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with pytest.raises(Stop):
        work(output, range(8), stop_at=6)
    with pytest.raises(OutputExistsError, match=r"out.partial: output exists already .*--resume"):
        work(output, range(8))
    assert work(output, range(8), overwrite=True) == [0, 3, 6]


def test_output_that_exists(tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.write_text("mine")
    for resume in (False, True):
        with pytest.raises(OutputExistsError):
            work(output, range(8), resume=resume)
    assert output.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_request_is_refused(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with pytest.raises(Stop):
        work(output, range(8), stop_at=6)
    with pytest.raises(ResumeError, match=r'column: null -> "text"; rows_per_block: 3 -> 4'):
        work(output, range(8), 4, request={**REQUEST, "column": "text"}, resume=True)
    assert work(output, range(8), resume=True) == [6]


def test_torn_log(tmp_path: Path) -> None:
    """The process died while it wrote the log's last line: that block is done again."""
    output = tmp_path / "out"
    with pytest.raises(Stop):
        work(output, range(8), stop_at=6)
    log = tmp_path / "out.partial" / "blocks.jsonl"
    log.write_bytes(log.read_bytes()[:-5])
    assert work(output, range(8), resume=True) == [3, 6]
    assert output.read_text().split()[-1] == "49"


def test_died_between_directory_and_request(tmp_path: Path) -> None:
    (tmp_path / "out.partial").mkdir()
    assert work(tmp_path / "out", range(8), resume=True) == [0, 3, 6]


def test_the_time_of_earlier_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("bertwright.durable.unfinished.time", SimpleNamespace(monotonic=lambda: clock.now))

    def run(stop_at: int) -> float:
        def answer(start: int, _block: list[int], _told: Progress) -> BlockAnswer:
            clock.now += 10.0
            if start == stop_at:
                raise Stop
            return BlockAnswer({})

        blocks = Blocks(tmp_path / "out", REQUEST, 3)
        with blocks.open(resume=True):
            blocks.fill(range(12), answer, Silent())
        return blocks.earlier_seconds

    for stop_at in (6, 9):
        with pytest.raises(Stop):
            run(stop_at)
        clock.now += 1000.0  # nobody works
    assert run(-1) == 30.0 + 20.0


def test_damaged_block(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with pytest.raises(Stop):
        work(output, range(8), stop_at=6)
    block = tmp_path / "out.partial" / "000000.txt"
    block.write_bytes(block.read_bytes().replace(b"4", b"5"))
    with pytest.raises(ResumeError, match=r"000000.txt: damaged"):
        work(output, range(8), resume=True)
    assert not output.exists()


def test_damaged_log_is_one_line(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with pytest.raises(Stop):
        work(output, range(8), stop_at=6)
    log = tmp_path / "out.partial" / "blocks.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_text("nonsense\n" + json.dumps(records[1]) + "\n")
    with pytest.raises(BertwrightError, match=r"blocks.jsonl:1"):
        work(output, range(8), resume=True)


def test_output_is_input(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    check_input(tmp_path / "a", tmp_path / "c")
    with pytest.raises(OutputExistsError, match="it is the input"):
        check_input(tmp_path / "a", tmp_path / "b")


def test_pipes_are_refused(tmp_path: Path) -> None:
    """The input is read twice: first to see whether it is right."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="it is read twice: save it first"):
        check_input(tmp_path / "pipe", tmp_path / "out")


def test_changed_input() -> None:
    check_count(Path("rows.tsv"), 3, 3)
    with pytest.raises(RunError, match=r"rows\.tsv: changed while it was read: 2 rows instead of 3"):
        check_count(Path("rows.tsv"), 3, 2)
