"""The folder of a run can always be begun, resumed or replaced, whatever moment a kill chose."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pretraining.small_run import settings

from bertwright.durable import files
from bertwright.errors import OutputExistsError, ResumeError, UsageError
from bertwright.pretraining.config import PretrainingSettings
from bertwright.pretraining.run_folder import LIBRARIES, RunFolder

FACTS = {"version": "1", "store": "abc"}
CALLS = ("mkdir", "rename", "unlink", "rmdir", "fsync", "link")


class Killed(BaseException):
    """Stands for a death: nothing handles it, and nothing can be cleaned up after it."""


def _begun(path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.begin(settings(), FACTS)
    return folder


def _kill_at(patch: pytest.MonkeyPatch, number: int) -> list[int]:
    """From call ``number`` (from 0) of the file system on, nothing is done any more; tells how many came."""
    calls = [0]

    def killing(original: Any) -> Any:
        def call(*args: object, **options: object) -> object:
            calls[0] += 1
            if calls[0] > number:
                raise Killed
            return original(*args, **options)

        return call

    for name in CALLS:
        patch.setattr(os, name, killing(getattr(os, name)))
    return calls


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_kill_while_it_is_begun(overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every call of the file system: the folder can be resumed, or begun with the same request."""
    for number in range(100):
        folder = RunFolder(tmp_path / f"run-{number}")
        if overwrite:
            _begun(folder.path)
            folder.metrics.write_text("old")
            (folder.checkpoints / "step-1").mkdir(parents=True)
        with monkeypatch.context() as patch:
            _kill_at(patch, number)
            try:
                folder.begin(settings(), FACTS)
            except Killed:
                finished = False
            else:
                finished = True
        if finished:
            break
        if folder.is_run():  # the old one, or the new one already
            folder.require_same(settings(), FACTS)
        folder.require_new(overwrite or folder.is_run())
        folder.begin(settings(), FACTS)
        assert sorted(path.name for path in folder.path.iterdir()) == ["run.json", "settings.json"]
    assert finished and number >= 8


def test_a_run_that_was_not_begun(tmp_path: Path) -> None:
    folder = _begun(tmp_path / "run")
    (folder.path / "settings.json").unlink()
    assert not folder.is_run()
    with pytest.raises(ResumeError, match=r"was not begun \(start it without --resume\)"):
        folder.require_same(settings(), FACTS)
    folder.require_new(False)


def test_its_name_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written in it: what a power cut leaves is otherwise nowhere."""
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_directory", synced.append)
    _begun(tmp_path / "run")
    assert synced[0] == tmp_path


def test_whether_it_is_finished(tmp_path: Path) -> None:
    folder = _begun(tmp_path / "run")
    assert not folder.is_finished()
    folder.write_summary({"steps": 1})
    assert folder.is_finished()
    folder.begin(settings(), FACTS)
    assert not folder.is_finished()


def test_libraries_may_be_upgraded_and_are_told(tmp_path: Path) -> None:
    folder, now = RunFolder(tmp_path / "run"), {"torch": "2.13.0", "numpy": "2.2.0"}
    folder.begin(settings(), {**FACTS, LIBRARIES: now})
    assert folder.upgrades(now) == []
    folder.require_same(settings(), FACTS)
    (told,) = folder.upgrades({**now, "numpy": "2.3.1"})
    assert told.startswith("numpy: ") and "2.2.0" in told and "2.3.1" in told
    assert _begun(tmp_path / "of an older version").upgrades(now) == []


def test_a_run_of_an_older_version_goes_on_without_an_opening(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(PretrainingSettings(budget=60.0), FACTS)
    assert folder.stored_settings().opening == 0.6
    stored = tmp_path / "run/settings.json"
    values = json.loads(stored.read_text())
    del values["opening_share"]
    stored.write_text(json.dumps(values))
    assert folder.stored_settings().opening == 0.0


def test_every_run_has_an_id_of_its_own(tmp_path: Path) -> None:
    folder = _begun(tmp_path / "run")
    first = folder.run_id()
    folder.require_same(settings(), FACTS)
    assert folder.run_id() == first
    folder.begin(settings(), FACTS)
    assert first != folder.run_id() is not None


def test_linked_checkpoints_are_not_taken_over(tmp_path: Path) -> None:
    folder = _begun(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    folder.checkpoints.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputExistsError, match="it is a link"):
        folder.require_new(True)


def test_bytes_that_need_no_room_of_their_own(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert folder.occupied(anew=True) == folder.occupied(anew=False) == 0
    _begun(folder.path)
    sizes = {"checkpoints/step-5/a": 100, "checkpoints/.damaged-step-9/a": 7, "model/b": 30, "mine/c": 1000}
    for name, size in sizes.items():
        (folder.path / name).parent.mkdir(parents=True)
        (folder.path / name).write_bytes(bytes(size))
    (folder.path / "checkpoints/step-6").symlink_to(folder.path / "mine")
    assert folder.occupied(anew=False) == 100
    assert folder.occupied(anew=True) == 137


def test_a_path_that_cannot_be_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NUL"):
        RunFolder("a\0b").require_new(False)
    assert RunFolder("a\0b").key != RunFolder("a").key == RunFolder(Path("a").absolute()).key


@pytest.mark.parametrize(
    "place", ["checkpoints/notes.txt", "milestones/mine", "tensorboard/notes.txt", "model/x"]
)
def test_files_of_others_stay(place: str, tmp_path: Path) -> None:
    folder = _begun(tmp_path / "run")
    (folder.checkpoints / "step-1").mkdir(parents=True)
    (folder.checkpoints / ".damaged-step-3").mkdir()
    folder.tensorboard.mkdir()
    (folder.tensorboard / "events.out.tfevents.1.host.2.0").touch()
    folder.require_new(overwrite=True)
    stranger = folder.path / place
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_text("mine")
    with pytest.raises(OutputExistsError, match=place.split("/")[0]):
        folder.require_new(overwrite=True)
    assert stranger.read_text() == "mine"


@pytest.mark.parametrize("name", ["checkpoints", "model", "milestones", "tensorboard"])
def test_links_are_refused_before_any_work(name: str, tmp_path: Path) -> None:
    folder = _begun(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    (folder.path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputExistsError, match=f"{name}: .*it is a link"):
        folder.require_new(overwrite=True)


def test_settings_that_cannot_be_written_cost_nothing(tmp_path: Path) -> None:
    folder = _begun(tmp_path / "run")
    folder.metrics.write_text("old")
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    strange = settings().model_copy(update={"init": "m\udcff"})
    with pytest.raises(UnicodeEncodeError):
        folder.begin(strange, FACTS)
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before


def test_a_fact_that_is_gone_is_a_difference(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(settings(), {**FACTS, "init": "1234"})
    with pytest.raises(ResumeError, match="init: "):
        folder.require_same(settings(), FACTS)
