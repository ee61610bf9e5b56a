"""What stands beside an output while it is made: ours alone is taken up, and ours alone is removed."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from bertwright import durable
from bertwright.errors import DiskError, OutputExistsError, ResumeError

REQUEST = {"rows": 3}


class Stop(Exception):
    """Something that goes wrong on the way."""


def stopped(output: Path, request: dict[str, object] | None = None) -> None:
    """Leave one finished part."""
    work = durable.UnfinishedWork(output, request or REQUEST, "log.jsonl")
    with pytest.raises(Stop), work.held():
        work.add({"part": 1})
        raise Stop


@pytest.mark.parametrize("asked", [{}, {"resume": True}, {"overwrite": True}])
@pytest.mark.parametrize("kind", ["directory", "file", "link", "lost link"])
def test_what_is_not_ours_stays(tmp_path: Path, kind: str, asked: dict[str, bool]) -> None:
    theirs = tmp_path / "out.partial"
    if kind == "directory":
        theirs.mkdir()
        (theirs / "mine.txt").write_bytes(b"mine")
    elif kind == "file":
        theirs.write_bytes(b"mine")
    else:
        theirs.symlink_to(tmp_path if kind == "link" else "nowhere")
    names = sorted(path.name for path in tmp_path.rglob("*"))
    work = durable.UnfinishedWork(tmp_path / "out", REQUEST, "log.jsonl")
    message = r"out.partial.*in the way and not ours"
    with pytest.raises(OutputExistsError, match=message), work.held(**asked):  # type: ignore[arg-type]
        pass
    assert sorted(path.name for path in tmp_path.rglob("*")) == names


@pytest.mark.parametrize("left", [[], [".tmp-request.json-123"]])
def test_what_was_hardly_begun_is_ours(tmp_path: Path, left: list[str]) -> None:
    (tmp_path / "out.partial").mkdir()
    for name in left:
        (tmp_path / "out.partial" / name).write_bytes(b"{")
    work = durable.UnfinishedWork(tmp_path / "out", REQUEST, "log.jsonl")
    with work.held(resume=True):
        assert work.records == []
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_once_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with (
        pytest.raises(DiskError, match="ENOSPC"),
        durable.UnfinishedWork(tmp_path / "out", REQUEST, "log.jsonl").held(),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_going_on_unasked(tmp_path: Path, overwrite: bool) -> None:
    """The same request always; another one is begun anew where that is allowed, and refused otherwise."""
    output = tmp_path / "out"
    stopped(output)
    work = durable.UnfinishedWork(output, REQUEST, "log.jsonl")
    with pytest.raises(Stop), work.held(resume=None, overwrite=overwrite):
        assert work.records == [{"part": 1}]
        raise Stop
    work = durable.UnfinishedWork(output, {"rows": 4}, "log.jsonl")
    if not overwrite:
        with pytest.raises(ResumeError, match=r"rows: 3 -> 4"), work.held(resume=None):
            pass
        return
    with work.held(resume=None, overwrite=True):
        assert work.records == []


def test_work_that_is_tied_goes_for_another_request(tmp_path: Path) -> None:
    request: dict[str, object] = {"rows": 3, "text": {"digest": "a"}}
    work = durable.UnfinishedWork(tmp_path / "out", request, "log.jsonl")
    with pytest.raises(Stop), work.held():
        work.add({"part": 1})
        work.tie("text")
        raise Stop
    work = durable.UnfinishedWork(tmp_path / "out", {**request, "rows": 4}, "log.jsonl")
    with pytest.raises(ResumeError, match="rows: 3 -> 4 "), work.held(resume=None):
        pass
    other = {**request, "text": {"digest": "b"}}
    work = durable.UnfinishedWork(tmp_path / "out", other, "log.jsonl")
    with pytest.raises(ResumeError, match=r"text\.digest: another one .repeat"), work.held(resume=True):
        pass
    with pytest.raises(Stop), work.held(resume=None):
        assert work.records == []
        work.add({"part": 1})
        raise Stop
    work = durable.UnfinishedWork(tmp_path / "out", request, "log.jsonl")
    with pytest.raises(ResumeError, match="another one"), work.held(resume=None):  # not tied any more
        pass


@pytest.mark.parametrize("damaged", ["{", "{}", "[]", '{"seconds": "long"}'])
def test_a_damaged_count_of_seconds_costs_no_work(tmp_path: Path, damaged: str) -> None:
    output = tmp_path / "out"
    stopped(output)
    (tmp_path / "out.partial/seconds.json").write_text(damaged)
    work = durable.UnfinishedWork(output, REQUEST, "log.jsonl")
    with work.held(resume=True):
        assert work.records == [{"part": 1}] and work.earlier_seconds == 0.0


def test_overwriting_a_damaged_request(tmp_path: Path) -> None:
    output = tmp_path / "out"
    stopped(output)
    (tmp_path / "out.partial/request.json").write_text("{")
    work = durable.UnfinishedWork(output, REQUEST, "log.jsonl")
    with pytest.raises(ResumeError), work.held(resume=None):
        pass
    with work.held(resume=None, overwrite=True):
        assert work.records == []
    assert list(tmp_path.iterdir()) == []


def test_a_removal_that_stops_halfway_is_never_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halfway(path: Path) -> None:
        (path / "request.json").unlink()
        raise OSError(5, os.strerror(5))

    output = tmp_path / "out"
    stopped(output)
    work = durable.UnfinishedWork(output, REQUEST, "log.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", halfway)
        with pytest.raises(DiskError, match=r"out.partial: cannot remove: EIO"), work.held(overwrite=True):
            pass
    assert not (tmp_path / "out.partial").exists()
    with durable.UnfinishedWork(output, REQUEST, "log.jsonl").held():
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_large_request_is_read_again(tmp_path: Path) -> None:
    request: dict[str, object] = {"labels": [f"a class with a long name, number {i}" for i in range(70_000)]}
    stopped(tmp_path / "out", request)
    work = durable.UnfinishedWork(tmp_path / "out", request, "log.jsonl")
    with work.held(resume=True):
        assert work.records == [{"part": 1}]


def test_a_request_that_is_none(tmp_path: Path) -> None:
    stopped(tmp_path / "out")
    (tmp_path / "out.partial" / "request.json").write_text("[]")
    work = durable.UnfinishedWork(tmp_path / "out", REQUEST, "log.jsonl")
    with pytest.raises(ResumeError, match=r"request.json: expected the request"), work.held(resume=True):
        pass


def test_a_torn_record_is_cut_off(tmp_path: Path) -> None:
    stopped(tmp_path / "out")
    log = tmp_path / "out.partial" / "log.jsonl"
    log.write_bytes(log.read_bytes() + b'{"part": ')
    work = durable.UnfinishedWork(tmp_path / "out", REQUEST, "log.jsonl")
    with pytest.raises(Stop), work.held(resume=True):
        work.add({"part": 2})
        raise Stop
    assert log.read_bytes() == b'{"part": 1}\n{"part": 2}\n'
