"""Checkpoints appear whole, are checked before use, and the last ones stay."""

from __future__ import annotations

import errno
import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bertwright.errors import DigestError, DiskError, InputError, ResumeError
from bertwright.training import checkpoint_store
from bertwright.training.checkpoint_store import Checkpoint, CheckpointStore, load_weights, to_cpu

FACTS = {"store": "abc", "vocabulary": "def"}


def _checkpoint(step: int) -> Checkpoint:
    weights = {"w": torch.full((3, 4), float(step)), "b": torch.arange(5.0)}
    moments = {"exp_avg/w": torch.full((3, 4), step / 2), "step/w": torch.tensor(float(step))}
    return Checkpoint(step, weights, moments, {"step": step, "pi": 3.141592653589793})


def _store(folder: Path, keep: int = 2, steps: range = range(0)) -> CheckpointStore:
    store = CheckpointStore(folder / "checkpoints", keep, FACTS)
    for step in steps:
        store.save(_checkpoint(step))
    return store


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    store = _store(tmp_path, steps=range(7, 8))
    loaded = store.load()
    assert loaded is not None
    saved = _checkpoint(7)
    assert (loaded.step, loaded.state) == (7, saved.state)
    assert all(torch.equal(loaded.weights[name], saved.weights[name]) for name in saved.weights)
    assert all(torch.equal(loaded.moments[name], saved.moments[name]) for name in saved.moments)


def test_no_checkpoint_yet(tmp_path: Path) -> None:
    assert _store(tmp_path).load() is None


@pytest.mark.parametrize("keep", [2, 3, 5])
def test_the_last_ones_stay(keep: int, tmp_path: Path) -> None:
    assert _store(tmp_path, keep, range(10)).steps() == list(range(10 - keep, 10))


def test_one_is_not_enough() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        CheckpointStore(Path("x"), 1)


def test_names_that_are_not_ours_stay_and_do_not_count(tmp_path: Path) -> None:
    store = _store(tmp_path, steps=range(2))
    folder = tmp_path / "checkpoints"
    foreign = ["mystep-5", "step-", "step-5x", "step-007", "step-1234567890123", "step--1", "notes"]
    for name in foreign:
        (folder / name).mkdir()
        (folder / name / "keep.txt").write_text("keep me")
    (folder / "step-99").symlink_to(folder / "step-0")
    for number in range(20):  # unfinished: no manifest
        (folder / f"step-{100 + number}").mkdir()
    for step in (200, 201, 202):
        store.save(_checkpoint(step))
    assert {201, 202} <= set(store.steps())
    assert all((folder / name / "keep.txt").read_text() == "keep me" for name in foreign)
    assert not (folder / "step-0/manifest.json").exists()
    loaded = store.load()
    assert loaded is not None and loaded.step == 202


def test_a_file_put_into_a_checkpoint_is_not_lost(tmp_path: Path) -> None:
    store = _store(tmp_path, steps=range(1))
    (tmp_path / "checkpoints/step-0/notes.txt").write_text("keep me")
    for step in (1, 2, 3):
        store.save(_checkpoint(step))
    kept = list((tmp_path / "checkpoints").rglob("notes.txt"))
    assert [file.read_text() for file in kept] == ["keep me"]


def test_other_facts_are_named(tmp_path: Path) -> None:
    _store(tmp_path, steps=range(1))
    other = CheckpointStore(tmp_path / "checkpoints", 2, {"store": "xyz", "vocabulary": "def"})
    with pytest.raises(ResumeError, match="store: abc -> xyz"):
        other.load()
    with pytest.raises(ResumeError, match="store: abc -> xyz"):
        other.load("latest-valid")


def _files(tmp_path: Path, step: int) -> list[Path]:
    return sorted((tmp_path / f"checkpoints/step-{step}").iterdir())


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    store = _store(tmp_path, steps=range(2))
    draw = random.Random(0)
    refused = 0
    for file in _files(tmp_path, 1):
        sound = file.read_bytes()
        for _ in range(60):
            data = bytearray(sound)
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            file.write_bytes(bytes(data))
            with pytest.raises(InputError, match="step 0 is sound"):
                store.load()
            loaded = store.load("latest-valid")
            assert loaded is not None and loaded.step == 0
            refused += 1
        file.write_bytes(sound)
    assert refused == 240
    assert store.load() is not None


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda folder: os.truncate(folder / "weights.safetensors", 40), DigestError),
        (lambda folder: (folder / "state.json").unlink(), DigestError),
        (lambda folder: (folder / "manifest.json").unlink(), ResumeError),
        (lambda folder: (folder / "manifest.json").write_text("{"), ResumeError),
        (lambda folder: folder.rename(folder.with_name("step-9")), ResumeError),
    ],
)
def test_other_damage(damage: Callable[[Path], object], error: type[InputError], tmp_path: Path) -> None:
    store = _store(tmp_path, steps=range(2))
    damage(tmp_path / "checkpoints/step-1")
    with pytest.raises(error, match="step 0 is sound: give --resume latest-valid"):
        store.load()
    said: list[str] = []
    loaded = store.load("latest-valid", said.append)
    assert loaded is not None and loaded.step == 0
    assert len(said) == 1 and "passed over" in said[0]


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors"])
def test_a_bad_sector_is_damage_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It strands no run: also where the digests could still be taken, and only then it goes bad."""
    store = _store(tmp_path, steps=range(3))
    bad = tmp_path / "checkpoints/step-2" / name
    digest, read = hashlib.file_digest, checkpoint_store.read_tensors

    def digested(file: Any, algorithm: str) -> Any:
        if Path(file.name) == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return digest(file, algorithm)

    def tensors(path: Path) -> dict[str, torch.Tensor]:
        if path == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path)

    for place, call in ((hashlib, ("file_digest", digested)), (checkpoint_store, ("read_tensors", tensors))):
        with monkeypatch.context() as patch:
            patch.setattr(place, *call)
            with pytest.raises(
                DiskError, match=r"step-2.*cannot read: EIO .*; step 1 is sound: give --resume"
            ):
                store.load()
            said: list[str] = []
            loaded = store.load("latest-valid", said.append)
        assert loaded is not None and loaded.step == 1
        assert len(said) == 1 and "passed over" in said[0]


def test_none_is_sound(tmp_path: Path) -> None:
    store = _store(tmp_path, steps=range(2))
    for step in range(2):
        (tmp_path / f"checkpoints/step-{step}/manifest.json").unlink()
    with pytest.raises(ResumeError, match=r"no older checkpoint is sound \(--overwrite begins anew\)$"):
        store.load()
    with pytest.raises(ResumeError, match=r"none of 2 checkpoints is sound \(--overwrite begins anew\)$"):
        store.load("latest-valid")


def test_swapped_files(tmp_path: Path) -> None:
    store = _store(tmp_path, steps=range(2))
    one, other = (tmp_path / f"checkpoints/step-1/{name}.safetensors" for name in ("weights", "optimizer"))
    data = one.read_bytes(), other.read_bytes()
    one.write_bytes(data[1])
    other.write_bytes(data[0])
    with pytest.raises(DigestError):
        store.load()


@pytest.mark.parametrize(("call", "least"), [("fsync", 5), ("rename", 2), ("mkdir", 2)])
def test_a_failing_disk_loses_nothing(
    call: str, least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The N-th call fails, for N = 1, 2, … until none is left to fail."""
    store = _store(tmp_path, steps=range(2))
    faults = 0
    while True:
        with monkeypatch.context() as patch:
            fired = _failing(patch, call, faults)
            try:
                store.save(_checkpoint(2))
            except DiskError as problem:
                assert "ENOSPC" in str(problem)
        loaded = store.load()
        assert loaded is not None and loaded.step in (1, 2)
        if not fired:
            break
        faults += 1
    assert faults >= least
    assert loaded.step == 2
    store.finish_purges()
    assert not [path for path in (tmp_path / "checkpoints").iterdir() if path.name.startswith(".")]


def _failing(patch: pytest.MonkeyPatch, name: str, number: int) -> list[bool]:
    """Call ``number`` (from 0) of an operating system function finds the disk full; tells whether it came."""
    original, count = getattr(os, name), iter(range(10**6))
    fired: list[bool] = []

    def call(*args: object, **options: object) -> object:
        if next(count) == number:
            fired.append(True)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*args, **options)

    patch.setattr(os, name, call)
    return fired


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    store = _store(tmp_path, steps=range(1))
    folder = tmp_path / "checkpoints"
    for name in (".tmp-step-4-123", ".purge-step-0"):
        (folder / name).mkdir()
        (folder / name / "weights.safetensors").write_bytes(b"half")
    store.finish_purges()
    assert [path.name for path in folder.iterdir()] == ["step-0"]


def test_weights_of_another_model(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    with pytest.raises(ResumeError, match="differences in"):
        load_weights(model, {"weight": torch.zeros(2, 3)}, tmp_path)
    with pytest.raises(ResumeError, match="weight"):
        load_weights(model, {"weight": torch.zeros(3, 2), "bias": torch.zeros(2)}, tmp_path)


def test_a_damaged_newer_one_does_not_push_out_the_one_just_saved(tmp_path: Path) -> None:
    store = _store(tmp_path, steps=range(4, 10))
    for step in (8, 9):  # damaged in a way that the manifest does not tell
        file = tmp_path / f"checkpoints/step-{step}/weights.safetensors"
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(bytes(data))
    store.save(_checkpoint(5))
    assert 5 in store.steps()


def test_passed_over_checkpoints_are_set_aside(tmp_path: Path) -> None:
    store = _store(tmp_path, keep=5, steps=range(5))
    (tmp_path / "checkpoints/step-3/manifest.json").unlink()
    (tmp_path / "checkpoints/.damaged-step-4").mkdir()
    store.set_aside_after(2)
    assert store.steps() == [0, 1, 2]
    names = {path.name for path in (tmp_path / "checkpoints").iterdir() if path.name.startswith(".")}
    assert names == {".damaged-step-3", ".damaged-step-4", ".damaged-step-4-2"}
    store.save(_checkpoint(3))  # which a folder without a manifest would refuse
    loaded = store.load()
    assert loaded is not None and loaded.step == 3
    assert (tmp_path / "checkpoints/.damaged-step-3/weights.safetensors").exists()


def test_a_rank_that_writes_nothing_asks_and_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a sharded model every rank has to ask for every tensor; one alone has room for all of them."""
    asked: list[float] = []

    def whole(tensor: torch.Tensor) -> torch.Tensor:
        asked.append(tensor.item())
        return tensor

    monkeypatch.setattr(checkpoint_store, "whole", whole)
    tensors = {"a": torch.tensor(1.0), "b": torch.tensor(2.0)}
    assert to_cpu(tensors, keep=False) == {}
    assert to_cpu(tensors).keys() == tensors.keys()
    assert asked == [1.0, 2.0, 1.0, 2.0]
