"""A directory is there complete or not at all, whatever fails while it is written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bertwright import durable
from bertwright.durable.abandoned import temporary_beside
from bertwright.errors import DigestError, DiskError, InputError, OutputExistsError, StoreError, UsageError


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def make(target: Path, content: bytes = b"weights", overwrite: bool = False) -> None:
    with durable.NewDirectory(target, kind="store", overwrite=overwrite) as new:
        new.write("a.bin", content)
        with new.open("b.bin") as file:
            file.write(b"12")
            file.write(b"34")
        new.manifest["rows"] = 7


def test_manifest_describes_the_files(tmp_path: Path) -> None:
    make(tmp_path / "out")
    manifest = durable.read_manifest(tmp_path / "out", "store")
    assert manifest.fields == {"rows": 7}
    assert manifest.files["b.bin"] == {
        "bytes": 4,
        "sha256": "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4",
    }
    durable.verify(manifest)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_what_is_not_sealed_may_be_edited(tmp_path: Path) -> None:
    with durable.NewDirectory(tmp_path / "out", kind="store") as new:
        new.write("a.bin", b"1")
        new.write("README.md", "plain", sealed=False)
    (tmp_path / "out" / "README.md").write_text("much better")
    manifest = durable.read_manifest(tmp_path / "out")
    assert set(manifest.files) == {"a.bin"}
    durable.verify(manifest)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    make(tmp_path / "out", b"old")
    before = tree(tmp_path)
    with pytest.raises(OutputExistsError):
        make(tmp_path / "out", b"new")
    assert tree(tmp_path) == before
    make(tmp_path / "out", b"new", overwrite=True)
    assert (tmp_path / "out" / "a.bin").read_bytes() == b"new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_overwrite_spares_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(OutputExistsError, match="not an output of this command"):
        make(tmp_path / "photos", overwrite=True)
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    with pytest.raises(OutputExistsError):
        make(tmp_path / "link", overwrite=True)
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


def test_missing_parent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="parent directory"):
        make(tmp_path / "no" / "out")


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), durable.NewDirectory(tmp_path / "out", kind="store") as new:
        new.write("a.bin", b"1")
        raise ValueError("mine")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "a/b/c", "/a", "a/..", "a/", "", "..", "x\0y", "a\\b"])
def test_names_stay_inside(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError), durable.NewDirectory(tmp_path / "out", kind="store") as new:
        new.write(name, b"1")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_inside(tmp_path: Path) -> None:
    with durable.NewDirectory(tmp_path / "out", kind="store") as new:
        new.write("a.bin", b"1")
        new.write("part/b.bin", b"2")
        new.write("part/c.bin", b"3")
    manifest = durable.read_manifest(tmp_path / "out")
    assert set(manifest.files) == {"a.bin", "part/b.bin", "part/c.bin"}
    durable.verify(manifest)
    (tmp_path / "out" / "part" / "b.bin").write_bytes(b"x")
    with pytest.raises(DigestError, match=r"part/b\.bin"):
        durable.verify(manifest)
    (tmp_path / "out" / "part").rename(tmp_path / "elsewhere")
    with pytest.raises(DigestError, match=r"part/b\.bin.*missing"):
        durable.read_manifest(tmp_path / "out")
    (tmp_path / "out" / "part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DigestError, match="a folder inside, got"):
        durable.read_manifest(tmp_path / "out")


def test_strays_inside_a_folder_are_noticed(tmp_path: Path) -> None:
    new = durable.NewDirectory(tmp_path / "out", kind="store")
    with pytest.raises(RuntimeError, match="part/stray"), new:
        new.write("part/b.bin", b"2")
        (new.path / "part" / "stray").write_bytes(b"?")
    assert list(tmp_path.iterdir()) == []


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    make(tmp_path / "out")
    noticed = tried = 0
    for path in sorted((tmp_path / "out").iterdir()):
        original = path.read_bytes()
        for position in range(len(original)):
            damaged = bytearray(original)
            damaged[position] ^= 1 << (position % 8)
            path.write_bytes(bytes(damaged))
            tried += 1
            try:
                durable.verify(durable.read_manifest(tmp_path / "out", "store"))
            except InputError:
                noticed += 1
        path.write_bytes(original)
    assert tried > 300
    assert noticed == tried


def test_cut_and_missing_files_are_named(tmp_path: Path) -> None:
    make(tmp_path / "out")
    (tmp_path / "out" / "b.bin").write_bytes(b"123")
    with pytest.raises(DigestError, match=r"b\.bin.*4 bytes.*3 bytes"):
        durable.read_manifest(tmp_path / "out")
    (tmp_path / "out" / "b.bin").unlink()
    with pytest.raises(DigestError, match=r"b\.bin.*missing"):
        durable.read_manifest(tmp_path / "out")


def test_an_unfinished_directory_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(StoreError, match="unfinished"):
        durable.read_manifest(tmp_path / "out", "store", error=StoreError)
    make(tmp_path / "real")
    with pytest.raises(StoreError, match="expected a model"):
        durable.read_manifest(tmp_path / "real", "model", error=StoreError)


CALLS = ["open", "write", "fsync", "rename", "mkdir"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", CALLS)
def test_every_failing_call_leaves_the_old_state(
    tmp_path: Path, call: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail the n-th call of each kind, n = 1, 2, … until none fails."""
    target = tmp_path / "out"
    make(target, b"old")
    before = tree(tmp_path)
    real = getattr(os, call)
    for failing in range(1, 30):
        count = 0

        def broken(*args: object, **kwargs: object) -> object:
            nonlocal count
            count += 1
            if count == failing:  # noqa: B023
                raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, broken)
            try:
                make(target, b"new", overwrite=True)
            except DiskError as problem:
                assert errno.errorcode[code] in problem.message
                assert problem.exit_code == 1
            else:
                break
        after = tree(tmp_path)
        assert after == before
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
    else:
        pytest.fail("the call kept failing")
    assert failing > 1 or call in ("rename", "mkdir"), "no call was failed"


KILLER = """
import os, signal, sys
sys.path.insert(0, {source!r})
from bertwright import durable
real = os.{call}
left = [{number}]
def killing(*args, **kwargs):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **kwargs)
os.{call} = killing
with durable.NewDirectory({target!r}, kind="store", overwrite=True) as new:
    new.write("a.bin", b"new")
    new.write("b.bin", b"1234")
"""


@pytest.mark.slow
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_killed_at_every_call(tmp_path: Path, call: str) -> None:
    target = tmp_path / "out"
    make(target, b"old")
    kills = 0
    for number in range(1, 12):
        source = str(Path(__file__).resolve().parents[2] / "src")
        script = KILLER.format(source=source, call=call, number=number, target=str(target))
        done = subprocess.run([sys.executable, "-c", script], check=False)
        manifest = durable.read_manifest(target, "store")
        durable.verify(manifest)
        assert (target / "a.bin").read_bytes() in (b"old", b"new")
        if done.returncode == 0:
            break
        kills += 1
    assert done.returncode == 0
    assert kills >= (1 if call != "rename" else 0)


def test_free_space_is_checked_before_work(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=r"bytes needed, [\d,]+ bytes free"):
        durable.NewDirectory(tmp_path / "out", kind="store", needed_bytes=1 << 60).__enter__()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_appears_meanwhile_stays(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "out"
    with pytest.raises(OutputExistsError), durable.NewDirectory(target, kind="store") as new:
        new.write("a.bin", b"new")
        if kind == "file":
            target.write_bytes(b"theirs")
        elif kind == "link":
            target.symlink_to(tmp_path)
        else:
            target.mkdir()
            (target / "theirs").write_bytes(b"theirs")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert target.is_symlink() or tree(tmp_path) in ({"out": b"theirs"}, {"out/theirs": b"theirs"})


def test_overwrite_spares_what_appears_meanwhile_and_is_not_ours(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with (
        pytest.raises(OutputExistsError, match="not an output of this command"),
        durable.NewDirectory(target, kind="store", overwrite=True) as new,
    ):
        new.write("a.bin", b"new")
        target.mkdir()
        (target / "cat.jpg").write_bytes(b"cat")
    assert tree(tmp_path) == {"out/cat.jpg": b"cat"}


def test_the_remains_of_a_process_with_the_same_number(tmp_path: Path) -> None:
    temporary_beside(tmp_path / "out").write_bytes(b"a file")
    make(tmp_path / "out")
    temporary_beside(tmp_path / "more").mkdir()
    (temporary_beside(tmp_path / "more") / "half").write_bytes(b"")
    make(tmp_path / "more")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["more", "out"]


def test_errors_about_something_else_stay_what_they_are(tmp_path: Path) -> None:
    absent = tmp_path / "absent.txt"
    with pytest.raises(FileNotFoundError, match="absent"), durable.NewDirectory(tmp_path / "out", kind="x"):
        absent.read_bytes()
    with pytest.raises(ConnectionResetError), durable.NewDirectory(tmp_path / "out", kind="x"):
        raise ConnectionResetError(errno.ECONNRESET, "reset")
    with pytest.raises(DiskError, match="out: cannot write: ENOENT"):  # noqa: SIM117
        with durable.NewDirectory(tmp_path / "out", kind="x") as new:
            (new.path / "none" / "a").write_bytes(b"")
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_fails_is_about_its_target_too(tmp_path: Path) -> None:
    """The system tells of both names, that of the source first."""
    source = tmp_path / "source"
    source.write_bytes(b"")
    with pytest.raises(DiskError, match="out: cannot write: ENOENT"):  # noqa: SIM117
        with durable.NewDirectory(tmp_path / "out", kind="x") as new:
            durable.link(source, new.path / "none" / "a")
    with pytest.raises(FileNotFoundError), durable.NewDirectory(tmp_path / "out", kind="x"):
        os.link(source, tmp_path / "none" / "a")
    assert list(tmp_path.iterdir()) == [source]


def test_a_manifest_with_half_a_surrogate_pair(tmp_path: Path) -> None:
    make(tmp_path / "out")
    path = tmp_path / "out" / "manifest.json"
    path.write_text(path.read_text().replace('"rows": 7', '"rows": "\\ud800"'))
    with pytest.raises(StoreError, match="surrogate"):
        durable.read_manifest(tmp_path / "out", "store", error=StoreError)
