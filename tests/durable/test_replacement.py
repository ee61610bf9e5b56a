"""What ``overwrite`` may replace, and that something whole is at the target or beside it at every moment."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bertwright import durable
from bertwright.durable import abandoned, manifests, replacement
from bertwright.durable.manifests import digest_of
from bertwright.errors import DiskError, OutputExistsError

OLD = {"a.bin": b"old", "part/b.bin": b"also old", "README.md": b"old card"}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def make(target: Path, content: bytes = b"old", *, kind: str = "store", overwrite: bool = False) -> None:
    with durable.NewDirectory(target, kind=kind, overwrite=overwrite) as new:
        new.write("a.bin", content)
        new.write("part/b.bin", b"also " + content)
        new.write("README.md", content + b" card", sealed=False)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    make(tmp_path / "out")
    return tmp_path / "out"


def refused(target: Path, message: str, kind: str = "store") -> None:
    """Asked before and when writing, and nothing changes."""
    before = tree(target.parent)
    with pytest.raises(OutputExistsError, match=message):
        durable.check_new_directory(target, kind, overwrite=True)
    with pytest.raises(OutputExistsError, match=message):
        make(target, b"new", kind=kind, overwrite=True)
    with (
        pytest.raises(OutputExistsError, match=message),
        durable.StagedDirectory(target, kind=kind, overwrite=True),
    ):
        pass
    assert tree(target.parent) == before


@pytest.mark.parametrize(
    "text",
    [
        '{"manifest_version": 3, "name": "an extension"}',
        '{"format": "theirs/store/1", "files": {}}',
        '{"format": "bertwright/store/1", "files": []}',
        "[]",
        "{",
    ],
)
def test_another_programs_manifest(tmp_path: Path, text: str) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "manifest.json").write_text(text)
    (app / "src.js").write_text("x")
    refused(app, "not an output of this command")


def test_another_kind(target: Path) -> None:
    refused(target, "it is a store, which no vocabulary replaces", kind="vocabulary")


@pytest.mark.parametrize(
    "name", ["run.txt", "run/weeks", "part/mine", "notes/report.html", ".hidden", "a.bin.bak"]
)
def test_files_of_the_users(target: Path, name: str) -> None:
    (target / name).parent.mkdir(exist_ok=True)
    (target / name).write_bytes(b"weeks of work")
    refused(target, f"it also holds {name}, which is no part of it: move that away")


def test_links_of_the_users(target: Path, tmp_path: Path) -> None:
    (target / "link").symlink_to(tmp_path)
    refused(target, "it also holds link")


def test_what_belongs_to_it_is_replaced(target: Path) -> None:
    (target / "README.md").write_bytes(b"much better")
    (target / "report.html").write_bytes(b"by bertwright report")
    (target / "part" / "report.html").write_bytes(b"by bertwright report")
    (target / "empty").mkdir()
    make(target, b"new", overwrite=True)
    assert (target / "a.bin").read_bytes() == b"new"
    assert len(tree(target.parent)) == len(OLD) + 1
    (target / "a.bin").write_bytes(b"damaged")
    (target / "part" / "b.bin").unlink()
    path = target / "manifest.json"
    path.write_text(path.read_text().replace('"digest": "', '"digest": "0'))
    make(target, b"newer", overwrite=True)
    durable.verify(durable.read_manifest(target, "store"))


@pytest.mark.parametrize("kind", ["model", "store"])
def test_a_card_that_the_manifest_does_not_name(tmp_path: Path, kind: str) -> None:
    """Manifests of models did not at first; nothing else had a card."""
    target = tmp_path / "out"
    make(target, kind=kind)
    record = json.loads((target / "manifest.json").read_text())
    assert record.pop(manifests.UNSEALED) == ["README.md"]
    record.pop("digest")
    record["digest"] = digest_of(record)
    (target / "manifest.json").write_text(json.dumps(record))
    durable.verify(durable.read_manifest(target, kind))
    if kind == "store":
        refused(target, "it also holds README.md")
    else:
        make(target, b"new", kind=kind, overwrite=True)
        assert (target / "README.md").read_bytes() == b"new card"


def test_a_mere_mark(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "anything").write_bytes(b"of an earlier one")
    with pytest.raises(OutputExistsError, match="not an output of this command"):
        durable.check_new_directory(target, None, True, ".mark")
    (target / ".mark").touch()
    with durable.StagedDirectory(target, kind=None, overwrite=True, manifest_name=".mark") as staged:
        staged.path.mkdir()
        (staged.path / ".mark").touch()
        staged.publish()
    assert sorted(tree(tmp_path)) == ["out/.mark"]


def no_exchange(_first: Path, _second: Path) -> bool:
    return False


@pytest.fixture(params=["exchange", "renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Names are exchanged in one instant, or, where no file system can, one after the other."""
    if request.param == "renames":
        monkeypatch.setattr(replacement, "_exchange", no_exchange)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_the_new_one_is_durable_before_the_old_one_goes(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside: list[list[dict[str, bytes]]] = []

    def look(folder: Path) -> None:
        assert folder == target.parent
        assert (target / "a.bin").read_bytes() == b"new"
        beside.append([tree(path) for path in folder.iterdir() if path != target])

    monkeypatch.setattr(replacement, "sync_directory", look)
    make(target, b"new", overwrite=True)
    ((old,),) = beside
    assert {name: old.get(name) for name in OLD} == OLD
    assert [path.name for path in target.parent.iterdir()] == ["out"]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("there", [True, False])
def test_a_parent_that_cannot_be_synced(target: Path, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_folder: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(replacement, "sync_directory", failing)
    place = target if there else target.with_name("other")
    before = tree(target.parent)
    with pytest.raises(DiskError, match="EIO"):
        make(place, b"new", overwrite=there)
    assert tree(target.parent) == before
    assert [path.name for path in target.parent.iterdir()] == ["out"]


def test_each_rename_that_fails_leaves_the_old_one(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacement, "_exchange", no_exchange)
    before, real = tree(target.parent), os.rename
    for failing in range(1, 4):
        count = 0

        def broken(source: Path, goal: Path) -> None:
            nonlocal count
            count += 1
            if count == failing:  # noqa: B023
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(source, goal)

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", broken)
            with pytest.raises(DiskError, match="EIO"):
                make(target, b"new", overwrite=True)
        assert tree(target.parent) == before
        assert [path.name for path in target.parent.iterdir()] == ["out"]


KILLER = """
import os, signal, sys
sys.path.insert(0, {source!r})
from bertwright import durable
from bertwright.durable import replacement
replacement._exchange = lambda first, second: False
real, left = os.rename, [{number}]
def killing(source, goal):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, goal)
os.rename = killing
with durable.NewDirectory({target!r}, kind="store", overwrite=True) as new:
    new.write("a.bin", b"new")
"""


@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_between_two_renames(target: Path, number: int) -> None:
    source = str(Path(__file__).resolve().parents[2] / "src")
    script = KILLER.format(source=source, number=number, target=str(target))
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode < 0
    assert target.exists() == (number != 2)
    with pytest.raises(OutputExistsError):  # the old one is back, and is not replaced unasked
        durable.check_new_directory(target, "store", overwrite=False)
    durable.verify(durable.read_manifest(target))
    assert (target / "a.bin").read_bytes() == (b"new" if number == 3 else b"old")
    make(target, b"newest", overwrite=True)
    assert [path.name for path in target.parent.iterdir()] == ["out"]


def test_nothing_is_put_back_where_something_is(target: Path) -> None:
    aside = abandoned.aside_of(target)
    make(aside, b"older")
    durable.check_new_directory(target, "store", overwrite=True)
    assert (target / "a.bin").read_bytes() == b"old"
