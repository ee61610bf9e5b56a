"""A folder of others leads nowhere: not out of it, not into a device, not to an error that is not ours."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hub_cache import into_cache

from bertwright import durable
from bertwright.durable.manifests import digest_of
from bertwright.errors import DigestError, InputError, ModelError, OutputExistsError, StoreError


def sealed(folder: Path, files: dict[str, bytes | int]) -> Path:
    """A manifest that names these contents, or sizes, whatever is there."""
    folder.mkdir(exist_ok=True)
    entries = {}
    for name, content in files.items():
        data = b"" if isinstance(content, int) else content
        size = content if isinstance(content, int) else len(content)
        entries[name] = {"bytes": size, "sha256": hashlib.sha256(data).hexdigest()}
    record = {"format": "bertwright/model/1", "files": entries}
    record["digest"] = digest_of(record)
    (folder / "manifest.json").write_text(json.dumps(record))
    return folder


def test_the_links_of_a_hub_cache(tmp_path: Path) -> None:
    with durable.NewDirectory(tmp_path / "out", kind="model") as new:
        new.write("weights", b"0123456789" * 100)
        new.write("part/more", b"12")
    snapshot = into_cache(tmp_path / "out", tmp_path / "models--me--mine")
    assert (snapshot / "part" / "more").is_symlink() and (snapshot / "manifest.json").is_symlink()
    durable.verify(durable.read_manifest(snapshot, "model"))
    (snapshot / "weights").resolve().write_bytes(b"9123456789" * 100)
    with pytest.raises(DigestError, match="weights: expected SHA-256"):
        durable.verify(durable.read_manifest(snapshot, "model"))
    (snapshot / "weights").resolve().unlink()
    with pytest.raises(DigestError, match='weights: expected a file, got "nothing there"'):
        durable.read_manifest(snapshot, "model")


@pytest.mark.parametrize("link", ["/dev/zero", "../secret", "../models/blobs/x", "loop"])
def test_links_that_lead_out(tmp_path: Path, link: str) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    folder = sealed(tmp_path / "hostile", {"x": len(link)})
    (folder / "x").symlink_to("x" if link == "loop" else link)
    with pytest.raises(DigestError, match=r"x: expected a (readable file|file inside the folder)") as caught:
        durable.read_manifest(folder, "model")
    assert hashlib.sha256(b"secret").hexdigest()[:8] not in caught.value.message


def test_what_becomes_a_link_after_the_manifest_was_read(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "hostile", {"x": b"secret"})
    (folder / "x").write_bytes(b"secret")
    manifest = durable.read_manifest(folder, "model")
    (folder / "x").rename(tmp_path / "secret")
    (folder / "x").symlink_to("../secret")
    with pytest.raises(DigestError, match="a file inside the folder"):
        durable.verify(manifest)


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    folder = sealed(tmp_path / "hostile", {"x": 0})
    os.mkfifo(folder / "x")
    with pytest.raises(DigestError, match='x: expected a regular file, got "a special file"'):
        durable.read_manifest(folder, "model")
    (folder / "x").unlink()
    (folder / "x").mkdir()
    with pytest.raises(DigestError, match='x: expected a regular file, got "a directory"'):
        durable.read_manifest(folder, "model")
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")
    with pytest.raises(StoreError, match=r"manifest.json: expected a regular file"):
        durable.read_manifest(folder, "model", error=StoreError)
    with pytest.raises(OutputExistsError, match="not an output"):
        durable.check_new_directory(folder, "model", overwrite=True)


@pytest.mark.parametrize("name", ["a" * 256, "é" * 128, "../x", "a/b/c", "", "x\ny"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    folder = sealed(tmp_path / "hostile", {name: 1})
    with pytest.raises(ModelError, match="file name"):
        durable.read_manifest(folder, "model", error=ModelError)


def test_the_longest_names_are_written_and_read(tmp_path: Path) -> None:
    for name in ("a" * 255, "é" * 127):
        with durable.NewDirectory(tmp_path / str(len(name)), kind="x") as new:
            new.write(name, b"1")
        durable.verify(durable.read_manifest(tmp_path / str(len(name))))


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    folder = tmp_path
    while len(str(folder)) < 3900:
        folder = folder / ("d" * 60)
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match="a readable file"):
        durable.member(folder, "a" * 250)


@pytest.mark.parametrize("place", ["loop", "x" * 300, "no/such"])
def test_a_manifest_at_a_place_that_cannot_be_looked_at(tmp_path: Path, place: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(StoreError, match=r"expected a (readable file or folder|store directory), got"):
        durable.read_manifest(tmp_path / place, "store", error=StoreError)
